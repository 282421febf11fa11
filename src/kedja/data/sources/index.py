"""Images that an index file lists: CSV, TSV, or the `path, label[, …]` text files of published data sets."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError, nearest
from kedja.data.names import natural_order
from kedja.data.sources.source import Item
from kedja.data.sources.tree import SPLIT_NAMES, File, Tree

SUFFIXES = (".csv", ".tsv", ".txt")
# Names that published tables give their columns.
_PATH_NAMES = (
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "image",
    "image_path",
    "image_id",
    "id",
)
_LABEL_NAMES = ("label", "class", "class_name", "category", "target", "breed", "species")
_GUESSED_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Columns:
    """Column names, or numbers counted from 1; empty where the usual names and places hold."""

    path: str = ""
    label: str = ""
    split: str = ""
    group: str = ""


@dataclass(frozen=True)
class _Table:
    """An index file: its rows, each with its line number, and where its columns are."""

    file: PurePosixPath
    split: str
    rows: list[tuple[int, list[str]]]
    positions: dict[str, int]


class Index:
    """A source over the rows of one index file or more, one a split where they are so named."""

    kind = "image"
    title = "images listed in an index file"

    def __init__(
        self, tree: Tree, index: list[str], columns: Columns, classes: str = "", licence: str = "not stated"
    ) -> None:
        """`index` entries are files inside `tree`, each perhaps with its split before it: ``val:val.txt``.

        Args:
            classes: ``file:id column:name column``, a table that translates labels to class names.
        """
        self.tree = tree
        self.licence = licence
        self.image: ImageSpec | None = None
        self._columns = columns
        self._tables = [self._read(entry) for entry in index]
        self._names = self._class_names(classes) if classes else {}
        # Two ids may share a name (a coarse label of many fine ones): names count once, in the order of ids.
        self.classes: list[str] | None = list(dict.fromkeys(self._names.values())) or None

    def items(self) -> Iterator[Item]:
        for table in self._tables:
            base, suffix = self._layout(table)
            for line, row in table.rows:
                yield self._item(table, line, row, base, suffix)

    def _item(self, table: _Table, line: int, row: list[str], base: PurePosixPath, suffix: str) -> Item:
        where = f"{table.file.name} line {line}"
        try:
            cells = {role: row[position].strip() for role, position in table.positions.items()}
        except IndexError:
            needed = max(table.positions.values()) + 1
            raise KedjaError(f"{where} has {len(row)} columns, column {needed} is asked for") from None
        name = self.tree.inside(str(base / (cells["path"] + suffix)))
        if name is None:
            raise KedjaError(f"{where} names {cells['path']}, which is outside {self.tree}/")
        label = cells["label"]
        if self._names:
            if label not in self._names:
                raise KedjaError(f"{where} has the label {label!r}, which the table of classes does not list")
            label = self._names[label]
        if not label:
            raise KedjaError(f"{where} has no label")
        split = _split_name(cells["split"], where) if "split" in cells else table.split
        return Item(name, label, self.tree.file(name), split, cells.get("group", ""))

    def _read(self, entry: str) -> _Table:
        split, colon, name = entry.partition(":")
        if not colon:
            split, name = "", entry
        if not self.tree.has(name):
            raise KedjaError(
                f"there is no index file {self.tree}/{name}", f"index={entry} is looked for inside the source"
            )
        file = PurePosixPath(name)
        named = _split_name(split, f"index={entry}") if split else SPLIT_NAMES.get(file.stem.lower(), "")
        rows = read_table(self.tree.file(name), f"{self.tree}/{name}")
        if not rows:
            raise KedjaError(f"{self.tree}/{name} is empty")
        positions, header = self._locate(file, rows)
        return _Table(file, named, rows[1:] if header else rows, positions)

    def _locate(self, file: PurePosixPath, rows: list[tuple[int, list[str]]]) -> tuple[dict[str, int], bool]:
        """Positions of the columns, and whether the first row is a header."""
        first = [cell.strip() for cell in rows[0][1]]
        wanted = {role: getattr(self._columns, role) for role in ("path", "label", "split", "group")}
        lowered = [cell.lower() for cell in first]
        by_name = [value for value in wanted.values() if value and not value.isdigit()]
        header = bool(by_name) or lowered[0] in _PATH_NAMES or any(name in lowered for name in _LABEL_NAMES)
        positions = {}
        for role, value in wanted.items():
            if value:
                positions[role] = find_column(value, first, file)
            elif role in ("path", "label"):
                usual = _PATH_NAMES if role == "path" else _LABEL_NAMES
                default = 0 if role == "path" else 1
                positions[role] = next((lowered.index(n) for n in usual if header and n in lowered), default)
        return positions, header

    def _layout(self, table: _Table) -> tuple[PurePosixPath, str]:
        """The folder that paths are relative to, and the suffix that they lack, from the first rows."""
        for _, row in table.rows[:20]:
            path = row[table.positions["path"]].strip() if len(row) > table.positions["path"] else ""
            for base in dict.fromkeys((table.file.parent, PurePosixPath())):
                for suffix in ("", *_GUESSED_SUFFIXES):
                    if path and self._has(base / (path + suffix)):
                        return base, suffix
        shown = table.rows[0][1] if table.rows else []
        raise KedjaError(
            f"none of the first images that {table.file.name} lists exist below {self.tree}/ (line 1: {shown})",
            "name the column with the path: path=<name or number>",
        )

    def _has(self, path: PurePosixPath) -> bool:
        name = self.tree.inside(str(path))
        return name is not None and self.tree.has(name)

    def _class_names(self, classes: str) -> dict[str, str]:
        parts = classes.rsplit(":", 2)
        if len(parts) != 3 or not self.tree.has(parts[0]):
            raise KedjaError(
                f"classes={classes} is not file:id column:name column with a file inside {self.tree}/",
                "for example classes=classes.csv:1:2 or classes=classes.csv:id:name",
            )
        rows = read_table(self.tree.file(parts[0]), f"{self.tree}/{parts[0]}")
        first = [cell.strip() for cell in rows[0][1]] if rows else []
        file = PurePosixPath(parts[0])
        identifier, name = (find_column(column, first, file) for column in parts[1:])
        named = any(not column.isdigit() for column in parts[1:])
        header = named or not first[identifier].lstrip("-").isdigit()
        names = {row[identifier].strip(): row[name].strip() for _, row in rows[1 if header else 0 :]}
        return dict(sorted(names.items(), key=lambda pair: natural_order(pair[0])))


def read_table(file: File, name: str) -> list[tuple[int, list[str]]]:
    """The rows that are not empty, each with its line number; the delimiter is found from the first line.

    Raises:
        KedjaError: the file is not UTF-8 text or not a table.
    """
    try:
        # utf-8-sig: spreadsheets put a mark before the first column's name.
        lines = io.StringIO(file.read_bytes().decode("utf-8-sig"), newline="")
        delimiter = _delimiter(lines.readline(), file.suffix)
        lines.seek(0)
        if delimiter.isspace() and delimiter != "\t":
            return [(n, line.split()) for n, line in enumerate(lines, 1) if line.strip()]
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except UnicodeDecodeError:
        raise KedjaError(f"{name} is not UTF-8 text", "save it as UTF-8 (CSV UTF-8 in spreadsheets)") from None
    except csv.Error as error:
        raise KedjaError(f"{name} is no table: {error}") from None


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


def _delimiter(line: str, suffix: str) -> str:
    if suffix.lower() == ".tsv":
        return "\t"
    return next((sign for sign in ("\t", ",", ";") if sign in line), " ")


def _split_name(text: str, where: str) -> str:
    if not text:
        return ""
    if text.lower() not in SPLIT_NAMES:
        raise KedjaError(f"{where}: {text!r} is no split", nearest(text.lower(), list(SPLIT_NAMES)))
    return SPLIT_NAMES[text.lower()]
