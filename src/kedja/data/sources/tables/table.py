"""Tables as people keep them: CSV, TSV or text, with whatever delimiter and encoding."""

import codecs
import csv
import io
from itertools import islice
from pathlib import PurePosixPath

from kedja.common.errors import KedjaError, nearest
from kedja.data.sources.files.tree import File

# Rows that the delimiter is judged by.
_JUDGED = 50
Row = tuple[int, list[str]]


def read_table(file: File, name: str, encoding: str = "") -> list[Row]:
    """The rows that are not empty, each with its line number; the delimiter is found from the first ones.

    Args:
        encoding: of a table that is no UTF-8 and bears no mark of UTF-16.

    Raises:
        KedjaError: the file is no text of that encoding, or not a table.
    """
    text = read_text(file, name, encoding)
    # Texts are longer than what a cell may be by default.
    csv.field_size_limit(2**31 - 1)
    try:
        delimiter = find_delimiter(text, file.suffix)
        if delimiter == " ":
            return [(n, line.split()) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise KedjaError(f"{name} is no table: {error}") from None


def read_text(file: File, name: str, encoding: str = "") -> str:
    """The whole of a file in UTF-8, in UTF-16 with its mark, or in `encoding`; raises `KedjaError`."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise KedjaError(f"{name} cannot be read: {error.strerror}") from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    # utf-8-sig: spreadsheets put a mark before the first column's name.
    for candidate in ("utf-8-sig", encoding):
        try:
            return data.decode(candidate or "utf-8")
        except UnicodeError:
            continue
    raise KedjaError(f"{name} is not UTF-8 text" + (f", nor {encoding}" if encoding else ""), encoding_remedy())


def encoding_remedy() -> str:
    """What to do about text of an unknown encoding."""
    return "encoding=cp1252 (Western Windows), cp932 (Japanese), gbk (Chinese), … says what it is; or save it as UTF-8"


def find_column(wanted: str, header: list[str], file: PurePosixPath) -> int:
    """The position of a column given by its name or by its number, counted from 1."""
    if wanted in header:
        return header.index(wanted)
    if wanted.isdigit():
        if not 1 <= int(wanted) <= len(header):
            raise KedjaError(
                f"{file.name} has {len(header)} columns; column {wanted} is asked for", "columns count from 1"
            )
        return int(wanted) - 1
    raise KedjaError(f"{file.name} has no column {wanted!r}", nearest(wanted, header))


def find_delimiter(text: str, suffix: str) -> str:
    """The sign that parts all of the first rows into equally many cells, the most of them; else the first row."""
    best, rank = " ", (False, 1)
    for sign in ("\t", ",", ";", "|"):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, skipinitialspace=True)
        widths = [len(row) for row in islice((row for row in reader if row), _JUDGED)]
        if widths and (found := (len(set(widths)) == 1 and widths[0] > 1, widths[0])) > rank:
            best, rank = sign, found
    return "\t" if suffix.lower() == ".tsv" and best == " " else best
