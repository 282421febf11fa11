"""Images that an index file lists: CSV, TSV, or the `path, label[, …]` text files of published data sets."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kedja.bundle.errors import KedjaError, nearest
from kedja.bundle.image_spec import ImageSpec
from kedja.data.names import natural_order
from kedja.data.sources.folder import SPLIT_NAMES
from kedja.data.sources.source import Item

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

    file: Path
    split: str
    rows: list[tuple[int, list[str]]]
    positions: dict[str, int]


class Index:
    """A source over the rows of one index file or more, one a split where they are so named."""

    title = "images listed in an index file"

    def __init__(
        self, root: Path, index: list[str], columns: Columns, classes: str = "", licence: str = "not stated"
    ) -> None:
        """`index` entries are files inside `root`, each perhaps with its split before it: ``val:val.txt``.

        Args:
            classes: ``file:id column:name column``, a table that translates labels to class names.
        """
        self.root = root
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

    def _item(self, table: _Table, line: int, row: list[str], base: Path, suffix: str) -> Item:
        where = f"{table.file.name} line {line}"
        try:
            cells = {role: row[position].strip() for role, position in table.positions.items()}
        except IndexError:
            needed = max(table.positions.values()) + 1
            raise KedjaError(f"{where} has {len(row)} columns, column {needed} is asked for") from None
        path = base / (cells["path"] + suffix)
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise KedjaError(f"{where} names {cells['path']}, which is outside {self.root}/")
        label = cells["label"]
        if self._names:
            if label not in self._names:
                raise KedjaError(f"{where} has the label {label!r}, which the table of classes does not list")
            label = self._names[label]
        if not label:
            raise KedjaError(f"{where} has no label")
        split = _split_name(cells["split"], where) if "split" in cells else table.split
        name = path.relative_to(self.root).as_posix()
        return Item(name, label, path, split, cells.get("group", ""))

    def _read(self, entry: str) -> _Table:
        split, colon, name = entry.partition(":")
        if not colon:
            split, name = "", entry
        file = self.root / name
        if not file.is_file():
            raise KedjaError(f"there is no index file {file}", f"index={entry} is looked for inside the source")
        named = _split_name(split, f"index={entry}") if split else SPLIT_NAMES.get(file.stem.lower(), "")
        rows = read_table(file)
        if not rows:
            raise KedjaError(f"{file} is empty")
        positions, header = self._locate(file, rows)
        return _Table(file, named, rows[1:] if header else rows, positions)

    def _locate(self, file: Path, rows: list[tuple[int, list[str]]]) -> tuple[dict[str, int], bool]:
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

    def _layout(self, table: _Table) -> tuple[Path, str]:
        """The folder that paths are relative to, and the suffix that they lack, from the first rows."""
        for _, row in table.rows[:20]:
            path = row[table.positions["path"]].strip() if len(row) > table.positions["path"] else ""
            for base in dict.fromkeys((table.file.parent, self.root)):
                for suffix in ("", *_GUESSED_SUFFIXES):
                    if path and (base / (path + suffix)).is_file():
                        return base, suffix
        shown = table.rows[0][1] if table.rows else []
        raise KedjaError(
            f"none of the first images that {table.file.name} lists exist below {self.root}/ (line 1: {shown})",
            "name the column with the path: path=<name or number>",
        )

    def _class_names(self, classes: str) -> dict[str, str]:
        parts = classes.rsplit(":", 2)
        file = self.root / parts[0]
        if len(parts) != 3 or not file.is_file():
            raise KedjaError(
                f"classes={classes} is not file:id column:name column with a file inside {self.root}/",
                "for example classes=classes.csv:1:2 or classes=classes.csv:id:name",
            )
        rows = read_table(file)
        first = [cell.strip() for cell in rows[0][1]] if rows else []
        identifier, name = (find_column(column, first, file) for column in parts[1:])
        named = any(not column.isdigit() for column in parts[1:])
        header = named or not first[identifier].lstrip("-").isdigit()
        names = {row[identifier].strip(): row[name].strip() for _, row in rows[1 if header else 0 :]}
        return dict(sorted(names.items(), key=lambda pair: natural_order(pair[0])))


def read_table(file: Path) -> list[tuple[int, list[str]]]:
    """The rows that are not empty, each with its line number; the delimiter is found from the first line.

    Raises:
        KedjaError: the file is not UTF-8 text or not a table.
    """
    try:
        # utf-8-sig: spreadsheets put a mark before the first column's name.
        with file.open(newline="", encoding="utf-8-sig") as lines:
            first = lines.readline()
            lines.seek(0)
            delimiter = _delimiter(first, file)
            if delimiter.isspace() and delimiter != "\t":
                return [(n, line.split()) for n, line in enumerate(lines, 1) if line.strip()]
            reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
            return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except UnicodeDecodeError:
        raise KedjaError(f"{file} is not UTF-8 text", "save it as UTF-8 (CSV UTF-8 in spreadsheets)") from None
    except csv.Error as error:
        raise KedjaError(f"{file} is no table: {error}") from None


def find_column(wanted: str, header: list[str], file: Path) -> int:
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


def _delimiter(line: str, file: Path) -> str:
    if file.suffix.lower() == ".tsv":
        return "\t"
    return next((sign for sign in ("\t", ",", ";") if sign in line), " ")


def _split_name(text: str, where: str) -> str:
    if not text:
        return ""
    if text.lower() not in SPLIT_NAMES:
        raise KedjaError(f"{where}: {text!r} is no split", nearest(text.lower(), list(SPLIT_NAMES)))
    return SPLIT_NAMES[text.lower()]
