"""A table on disk as a stream of rows of text, whatever its format; its columns' names are found or asked for."""

import codecs
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from kedja.bundle.inputs.table.rows import open_csv
from kedja.common.errors import KedjaError, nearest
from kedja.data.sources.rows.stated import Stated
from kedja.data.sources.tables.columns import LABELS
from kedja.data.sources.tables.table import Row, encoding_remedy, find_delimiter

PARQUET = (".parquet", ".pq")
PICKLES = (".pkl", ".pickle")
_BLOCK = 4096
_JUDGED, _LOOKED_AT = 50, 65_536


class RowFile(Protocol):
    """Attributes:
    names: of the columns, in order.
    """

    names: list[str]

    def rows(self) -> Iterator[Row]:
        """Line or row number and cells, each time from the start; an empty cell is missing."""
        ...


class CsvFile:
    """A CSV or TSV, or with any other delimiter, with or without a header."""

    def __init__(self, path: Path, stated: Sequence[Stated], named: Sequence[str], encoding: str = "") -> None:
        """`stated` are the entries of `columns=`, `named` columns that other settings name."""
        self._path = path
        self._encoding = encoding_of(path, encoding)
        with self._open() as file:
            start = file.read(_LOOKED_AT)
        if not start.strip():
            raise KedjaError(f"{path} is empty")
        self._delimiter = find_delimiter(start, path.suffix)
        first = [row for _, row in islice(self._lines(), _JUDGED)]
        self._header = has_header(path, first, [one.name for one in stated], named)
        names = first[0] if self._header else [one.name for one in stated]
        self.names = [name or f"column {number}" for number, name in enumerate(names, 1)]
        if twice := [name for name in self.names if self.names.count(name) > 1]:
            raise KedjaError(f"{path} has two columns named {twice[0]!r}", "rename one of them")

    def rows(self) -> Iterator[Row]:
        lines = self._lines()
        if self._header:
            next(lines)
        width = len(self.names)
        for line, row in lines:
            if len(row) != width:
                raise KedjaError(f"{self._path} line {line} has {len(row)} cells, and there are {width} columns")
            yield line, row

    def _lines(self) -> Iterator[Row]:
        import csv

        with self._open() as file:
            reader: Any = open_csv(file, self._delimiter)
            try:
                for row in reader:
                    cells = [cell.strip() for cell in row]
                    if any(cells):
                        yield reader.line_num, cells
            except csv.Error as error:
                raise KedjaError(f"{self._path} line {reader.line_num} is no line of a table: {error}") from None
            except UnicodeError:
                raise KedjaError(f"{self._path} is not {self._encoding} text", encoding_remedy()) from None

    def _open(self) -> io.TextIOWrapper:
        return self._path.open(encoding=self._encoding, newline="")


class ParquetFile:
    """A Parquet file, a few thousand rows at a time."""

    def __init__(self, path: Path) -> None:
        try:
            from pyarrow import ArrowException, parquet
        except ImportError:
            raise KedjaError(
                f"{path}: Parquet is read by the package pyarrow, which is not installed", "just env groups=dev,parquet"
            ) from None
        try:
            self._file = parquet.ParquetFile(path)
        except (ArrowException, OSError) as error:
            raise KedjaError(f"{path} is no Parquet file: {str(error).splitlines()[0]}") from None
        self.names = list(self._file.schema_arrow.names)

    def rows(self) -> Iterator[Row]:
        number = 0
        for batch in self._file.iter_batches(batch_size=_BLOCK):
            for row in zip(*(map(_cell, column.to_pylist()) for column in batch.columns), strict=True):
                number += 1
                yield number, list(row)


def open_rows(path: Path, stated: Sequence[Stated], named: Sequence[str], encoding: str = "") -> RowFile:
    """The table at `path`.

    Raises:
        KedjaError: it cannot be read, or what its columns are called cannot be told.
    """
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        raise KedjaError(
            f"{path} is a pickle, which can run any program when it is read", "save it as Parquet or CSV: to_parquet()"
        )
    found: RowFile = ParquetFile(path) if suffix in PARQUET else CsvFile(path, stated, named, encoding)
    unknown = [name for name in (*(one.name for one in stated), *named) if name not in found.names]
    if unknown:
        raise KedjaError(f"{path} has no column {unknown[0]!r}", nearest(unknown[0], found.names))
    return found


def has_header(path: Path, rows: list[list[str]], stated: Sequence[str], named: Sequence[str]) -> bool:
    """Whether the first row names the columns.

    Raises:
        KedjaError: it cannot be told, or it does not and nobody says how they are called.
    """
    first, below = rows[0], rows[1:]
    known = [*stated, *named]
    if known and set(known) <= set(first):
        return True
    if len(stated) == len(first) and not set(stated) & set(first):
        return False
    shown = ", ".join(first[:6]) + (", …" if len(first) > 6 else "")
    if is_number(first[0]) or len(set(first)) < len(first) or any(not cell or is_number(cell) for cell in first[1:]):
        named_of = f"columns= names {len(stated)}" if stated else "nobody names them"
        raise KedjaError(
            f"{path} has no header (its first line is {shown}), and of its {len(first)} columns {named_of}",
            f"name all {len(first)} in order: columns=age,work,…; or give a .names file",
        )
    if known:
        missing = next(name for name in known if name not in first)
        raise KedjaError(f"{path} has no column {missing!r}; its first line is {shown}", nearest(missing, first))
    numbers = any(
        cells and all(map(is_number, cells))
        for cells in ([row[n] for row in below if len(row) > n and row[n]] for n in range(len(first)))
    )
    if numbers or any(cell.lower() in LABELS for cell in first):
        return True
    raise KedjaError(
        f"{path}: whether its first line ({shown}) names the columns cannot be told",
        f"label=<name> where it does; columns=… with all {len(first)} names where it does not",
    )


def is_number(cell: str) -> bool:
    """Whether a cell is a finite number."""
    try:
        return "_" not in cell and abs(float(cell)) < float("inf")
    except ValueError:
        return False


def encoding_of(path: Path, stated: str) -> str:
    """Of the whole file, by its first bytes; a later byte that does not fit is an error where it is read."""
    try:
        with path.open("rb") as file:
            start = file.read(_LOOKED_AT)
    except OSError as error:
        raise KedjaError(f"{path} cannot be read: {error.strerror}") from None
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeError:
        if not stated:
            raise KedjaError(f"{PurePosixPath(path)} is not UTF-8 text", encoding_remedy()) from None
        return stated
    return stated or "utf-8-sig"


def _cell(value: Any) -> str:
    """A value of Parquet as the cell of a table."""
    if value is None or value != value:  # noqa: PLR0124 -- NaN
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if hasattr(value, "isoformat"):
        return _date(value)
    return repr(value) if isinstance(value, float) else str(value).strip()


def _date(value: Any) -> str:
    return str(value.isoformat())
