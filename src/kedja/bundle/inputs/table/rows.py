"""A table as the body of a request or a file: CSV with a header. Standard library."""

import csv
import io
from collections.abc import Iterator, Sequence

from kedja.bundle.inputs.input import InputError

DELIMITERS = (",", "\t", ";", "|")


def read_csv(data: bytes, names: Sequence[str], most: int) -> tuple[list[str], list[tuple[str, ...]]]:
    """The header, and the cells column by column, without white space around them.

    Args:
        names: of columns, which tell the delimiter.
        most: rows that are read; one more is, so that too many can be told.

    Raises:
        InputError: it is no UTF-8, no table, or empty.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("not-utf-8", f"the table is not UTF-8: {error.reason} at byte {error.start}") from None
    end = text.find("\n")
    reader = open_csv(io.StringIO(text, newline=""), delimiter_of(text[:end] if end >= 0 else text, names))
    try:
        header = next(reader, [])
        rows = []
        for row in reader:
            if row:
                rows.append(row)
                if len(row) != len(header):
                    wrong = f"row {len(rows) - 1} has {len(row)} cells, the header {len(header)}"
                    raise InputError("invalid-input", wrong)
                if len(rows) > most:
                    break
    except csv.Error as error:
        raise InputError("invalid-csv", f"the table is no CSV: {error}") from None
    if len(set(header)) != len(header):
        raise InputError("invalid-input", "the header names a column twice")
    if not rows:
        raise InputError("empty", "the table has no rows", "a header with the columns' names, then at least one row")
    return [cell.strip() for cell in header], [_stripped(cells) for cells in zip(*rows, strict=True)]


def open_csv(lines: io.TextIOBase, delimiter: str) -> Iterator[list[str]]:
    """The rows of a table as Python reads them, every one strictly."""
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)


def delimiter_of(header: str, names: Sequence[str]) -> str:
    """The sign that parts a header into most of these names."""
    known = set(names)

    def hits(sign: str) -> int:
        return sum(cell.strip().strip('"') in known for cell in header.split(sign))

    return max(DELIMITERS, key=hits)


def _stripped(cells: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(str.strip, cells))
