"""Texts in tables: a row of CSV, TSV, Parquet or Arrow, or an entry of JSON or JSON lines, with its label."""

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError, nearest
from kedja.data.sources.files.tree import SPLIT_NAMES, DiskFile, Tree, is_image
from kedja.data.sources.source import Item
from kedja.data.sources.tables.arrow import SUFFIXES as ARROW
from kedja.data.sources.tables.arrow import arrow_files, column_names
from kedja.data.sources.tables.arrow import rows as arrow_rows
from kedja.data.sources.tables.columns import Columns, label_of, locate
from kedja.data.sources.tables.table import Row, read_table, read_text

TABLES, JSON = (".csv", ".tsv", ".txt"), (".json", ".jsonl", ".ndjson")
# Names that published data sets give the column with the text.
_TEXTS = (
    *("text", "texts", "sentence", "utterance", "question", "query", "review", "content", "message", "document"),
    *("body", "comment", "tweet", "sms"),
)
# A list of pairs without names.
_PAIR = ["text", "label"]


def text_column(file: Path, wanted: str, encoding: str = "") -> str:
    """The column of a table that holds the texts: what was asked for, or a customary name; empty where none is."""
    if wanted or file.suffix.lower() in JSON:
        return wanted or "text"
    if file.suffix.lower() in ARROW or file.is_dir():
        first = next((part for part, _ in arrow_files(file)), None) if file.is_dir() else file
        return next((name for name in column_names(first) if name.lower() in _TEXTS), "") if first else ""
    try:
        rows = read_table(DiskFile(str(file)), str(file), encoding)[:2]
    except KedjaError:
        return ""
    cells = [cell.strip() for _, row in rows for cell in row]
    header = [cell.strip() for cell in rows[0][1]] if rows else []
    found = next((name for name in header if name.lower() in _TEXTS), "")
    return "" if any(map(is_image, cells)) else found


class TextTable:
    """A source over one table of texts and labels."""

    kind = "text"
    title = "a table of texts"

    def __init__(self, file: Path, columns: Columns, licence: str = "not stated", *, encoding: str = "") -> None:
        """`columns.path` names the column with the text.

        Args:
            encoding: of a file that is no UTF-8.
        """
        self.licence = licence
        self.image: ImageSpec | None = None
        self.tree: Tree | None = None
        self.classes: list[str] | None = None
        self.notes: list[str] = []
        self._name, self._is_json = file.name, file.suffix.lower() in JSON
        self._splits: dict[int, str] = {}
        rows = self._read(file, columns, encoding)
        if not rows:
            raise KedjaError(f"{file} is empty")
        self._located = locate(PurePosixPath(file.name), rows, columns, lambda cell: False)
        self.notes += self._located.notes
        self._rows = rows[1:] if self._located.header else rows

    def items(self) -> Iterator[Item]:
        positions = self._located.positions
        needed = max([*positions.values(), *self._located.one_hot]) + 1
        for line, row in self._rows:
            where = f"{self._name} entry {line - 1}" if self._is_json else f"{self._name} line {line}"
            if len(row) < needed:
                raise KedjaError(f"{where} has {len(row)} columns, column {needed} is asked for")
            label = unicodedata.normalize("NFC", label_of(row, self._located))
            if not label:
                raise KedjaError(f"{where} has no label", "write it, or remove the line")
            cells = {role: row[positions[role]].strip() for role in ("split", "group") if role in positions}
            split = self._splits.get(line, "") or self._split_name(cells.get("split", ""), where)
            content = np.frombuffer(row[positions["path"]].encode("utf-8", "surrogatepass"), np.uint8)
            yield Item(f"{line:07d}", label, content, split, cells.get("group", ""))

    def _read(self, file: Path, columns: Columns, encoding: str) -> list[Row]:
        if file.suffix.lower() in ARROW or file.is_dir():
            return self._read_parts(arrow_files(file) if file.is_dir() else [(file, "")])
        if file.suffix.lower() not in JSON:
            return read_table(DiskFile(str(file)), str(file), encoding)
        entries = list(_entries(file, read_text(DiskFile(str(file)), str(file), encoding)))
        rows: list[Row] = []
        named = [entry for entry, _ in entries if isinstance(entry, dict)]
        # An entry may lack what others have, such as a split.
        header = list(dict.fromkeys(name for entry in named for name in entry)) or _PAIR
        for line, (entry, split) in enumerate(entries, 2):
            self._splits[line] = split
            rows.append((line, _cells(entry, header, f"{file.name} entry {line - 1}")))
        return [(1, header), *rows] if rows else []

    def _read_parts(self, parts: list[tuple[Path, str]]) -> list[Row]:
        """The rows of several files with the same columns, numbered through."""
        found: list[Row] = []
        for part, split in parts:
            header, *body = arrow_rows(part, len(found) or 1)
            if found and header[1] != found[0][1]:
                raise KedjaError(f"{part} has the columns {', '.join(header[1])}, others {', '.join(found[0][1])}")
            found += body if found else [header, *body]
            self._splits |= {line: split for line, _ in body}
        return found

    def _split_name(self, text: str, where: str) -> str:
        if text and text.lower() not in SPLIT_NAMES:
            raise KedjaError(f"{where}: {text!r} is no split", nearest(text.lower(), list(SPLIT_NAMES)))
        return SPLIT_NAMES[text.lower()] if text else ""


def _entries(file: Path, text: str) -> Iterator[tuple[Any, str]]:
    """Entries with the split that their list is named for."""
    try:
        if file.suffix.lower() != ".json":
            yield from ((json.loads(line), "") for line in text.split("\n") if line.strip())
            return
        value = json.loads(text)
    except ValueError as error:
        raise KedjaError(f"{file} is not valid JSON: {error}") from None
    parts = value if isinstance(value, dict) else {"": value}
    for name, entries in parts.items():
        words = [SPLIT_NAMES[word] for word in name.lower().split("_") if word in SPLIT_NAMES]
        if not isinstance(entries, list) or (name and len(words) != 1):
            raise KedjaError(
                f"{file}: {name or 'it'!s} is no list of texts of a split",
                'a list of ["text", "label"], or an object of such lists named train, val, test',
            )
        yield from ((entry, words[0] if words else "") for entry in entries)


def _cells(entry: Any, header: list[str], where: str) -> list[str]:
    values = [entry.get(name) for name in header] if isinstance(entry, dict) else entry
    if not isinstance(values, list) or (not isinstance(entry, dict) and len(values) != len(_PAIR)):
        raise KedjaError(f"{where} is neither an object nor a pair of text and label")
    return [value if isinstance(value, str) else "" if value is None else json.dumps(value) for value in values]
