"""Images that an index file lists: CSV, TSV, or the `path, label[, …]` text files of published data sets."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError, nearest
from kedja.data.names import natural_order
from kedja.data.sources.files.tree import NO_IMAGE, SPLIT_NAMES, Tree, is_image, walk
from kedja.data.sources.source import Item
from kedja.data.sources.tables.columns import Columns, Located, label_of, locate
from kedja.data.sources.tables.places import Places
from kedja.data.sources.tables.table import Row, find_column, read_table

SUFFIXES = (".csv", ".tsv", ".txt")
_UNLISTED = "images that no row names"
# Rows that tell where the images lie.
_LOOKED_AT = 20


@dataclass(frozen=True)
class _Table:
    """An index file: its rows, each with its line number, where its columns are, and what its paths are relative to."""

    file: PurePosixPath
    split: str
    rows: list[Row]
    columns: Located
    base: PurePosixPath


class Index:
    """A source over the rows of one index file or more, one a split where they are so named."""

    kind = "image"
    title = "images listed in an index file"

    def __init__(
        self,
        tree: Tree,
        index: list[str],
        columns: Columns,
        classes: str = "",
        licence: str = "not stated",
        *,
        encoding: str = "",
        beside: dict[str, str] | None = None,
    ) -> None:
        """`index` entries are files inside `tree`, each perhaps with its split before it: ``val:val.txt``.

        Args:
            classes: ``file:id column:name column``, a table that translates labels to class names.
            encoding: of tables that are no UTF-8.
            beside: name → reason of what was left out around the tree, where all of it is the source; None where
                the index file alone is.
        """
        self.tree = tree
        self.licence = licence
        self.image: ImageSpec | None = None
        self.notes: list[str] = []
        self._beside = beside
        self._columns, self._encoding = columns, encoding
        self._places = Places(tree)
        self._listed: set[str] = set()
        self._tables = [self._read(entry) for entry in index]
        self._names = self._class_names(classes) if classes else {}
        self._class_table = classes.rsplit(":", 2)[0]
        # Two ids may share a name (a coarse label of many fine ones): names count once, in the order of ids.
        self.classes: list[str] | None = list(dict.fromkeys(self._names.values())) or None

    def items(self) -> Iterator[Item]:
        self._listed = set()
        for table in self._tables:
            for line, row in table.rows:
                item = self._item(table, line, row)
                self._listed.add(item.id)
                yield item

    @property
    def ignored(self) -> dict[str, str]:
        """Name → reason of what lies in the source, or beside the listed images, and is in no row."""
        if self._beside is None:
            folders = {name[: name.rfind("/") + 1] for name in self._listed if self.tree.has(name)}
            names = (f + name for f in folders for name in self.tree.entries(f).files if is_image(name))
            return {name: _UNLISTED for name in sorted(names) if name not in self._listed}
        ignored = dict(self._beside) | self.tree.left_out
        ours = {*self._listed, *(table.file.as_posix() for table in self._tables), self._class_table}
        for folder, entries in walk(self.tree):
            ignored |= {folder + name: reason for name, reason in entries.left_out.items()}
            for name in entries.files:
                if folder + name not in ours:
                    ignored[folder + name] = _UNLISTED if is_image(name) else NO_IMAGE
        return ignored

    def _item(self, table: _Table, line: int, row: list[str]) -> Item:
        where = f"{table.file.name} line {line}"
        positions = table.columns.positions
        needed = max([*positions.values(), *table.columns.one_hot]) + 1
        if len(row) < needed:
            raise KedjaError(f"{where} has {len(row)} columns, column {needed} is asked for")
        name = self._places.find(table.base, row[positions["path"]].strip(), where)
        label = unicodedata.normalize("NFC", label_of(row, table.columns))
        if self._names:
            if label not in self._names:
                raise KedjaError(f"{where} has the label {label!r}, which the table of classes does not list")
            label = self._names[label]
        if not label:
            raise KedjaError(f"{where} has no label", "write it, or remove the line")
        cells = {role: row[positions[role]].strip() for role in ("split", "group") if role in positions}
        split = _split_name(cells.get("split", ""), where) or table.split
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
        rows = read_table(self.tree.file(name), f"{self.tree}/{name}", self._encoding)
        if not rows:
            raise KedjaError(f"{self.tree}/{name} is empty")
        bases = self._bases(file, rows)
        columns = locate(file, rows, self._columns, lambda cell: any(self._places.exists(b, cell) for b in bases))
        self.notes += columns.notes
        body = rows[1:] if columns.header else rows
        return _Table(file, named, body, columns, self._base(file, body, columns, bases))

    def _bases(self, file: PurePosixPath, rows: list[Row]) -> list[PurePosixPath]:
        """Where images may lie: beside the index file, at the top, and only else in the folders there."""
        near = list(dict.fromkeys((file.parent, PurePosixPath())))
        cells = [cell.strip() for _, row in rows[:_LOOKED_AT] for cell in row]
        if any(self._places.exists(base, cell) for base in near for cell in cells):
            return near
        inner = [base / name for base in near for name in self.tree.entries(_as_folder(base)).folders]
        return [*near, *sorted(inner, key=lambda path: path.name != file.stem)]

    def _base(
        self, file: PurePosixPath, rows: list[Row], columns: Located, bases: list[PurePosixPath]
    ) -> PurePosixPath:
        """The folder that paths are relative to, from the first rows."""
        column = columns.positions["path"]
        cells = [row[column].strip() for _, row in rows[:_LOOKED_AT] if len(row) > column]
        found = [base for base in bases if any(self._places.exists(base, cell) for cell in cells)]
        if not found:
            for (line, _), cell in zip(rows, cells, strict=False):
                # Its own message where the path itself is at fault.
                self._places.find(file.parent, cell, f"{file.name} line {line}")
            line, row = rows[0] if rows else (1, [])
            raise KedjaError(
                f"none of the first images that {file.name} lists exist below {self.tree}/ (line {line}: {row})",
                "name the column with the path: path=<name or number>; that of texts: text=<name or number>",
            )
        near = (file.parent, PurePosixPath())
        if found[0] in near or found[0].name == file.stem or len(found) == 1:
            if found[0] not in near:
                self.notes.append(f"the paths of {file.name} are looked for in {found[0]}/")
            return found[0]
        raise KedjaError(
            f"the paths of {file.name} may be meant in {' or '.join(f'{base}/' for base in found[:4])}",
            "write the folder into the path: train/1.jpg",
        )

    def _class_names(self, classes: str) -> dict[str, str]:
        parts = classes.rsplit(":", 2)
        if len(parts) != 3 or not self.tree.has(parts[0]):
            raise KedjaError(
                f"classes={classes} is not file:id column:name column with a file inside {self.tree}/",
                "for example classes=classes.csv:1:2 or classes=classes.csv:id:name",
            )
        rows = read_table(self.tree.file(parts[0]), f"{self.tree}/{parts[0]}", self._encoding)
        first = [cell.strip() for cell in rows[0][1]] if rows else []
        file = PurePosixPath(parts[0])
        identifier, name = (find_column(column, first, file) for column in parts[1:])
        named = any(not column.isdigit() for column in parts[1:])
        header = named or not first[identifier].lstrip("-").isdigit()
        names: dict[str, str] = {}
        for line, row in rows[1 if header else 0 :]:
            if len(row) <= max(identifier, name):
                raise KedjaError(f"{file.name} line {line} has {len(row)} columns", "each class needs id and name")
            key, value = (unicodedata.normalize("NFC", row[column].strip()) for column in (identifier, name))
            if names.setdefault(key, value) != value:
                raise KedjaError(
                    f"{file.name} line {line} names the class {key} {value!r}, before it was {names[key]!r}"
                )
        return dict(sorted(names.items(), key=lambda pair: natural_order(pair[0])))


def _as_folder(path: PurePosixPath) -> str:
    return "" if path == PurePosixPath() else f"{path}/"


def _split_name(text: str, where: str) -> str:
    if not text:
        return ""
    if text.lower() not in SPLIT_NAMES:
        raise KedjaError(f"{where}: {text!r} is no split", nearest(text.lower(), list(SPLIT_NAMES)))
    return SPLIT_NAMES[text.lower()]
