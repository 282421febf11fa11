"""A table of rows as a source: label, split and group are columns that the settings name; the rest is the example."""

import json
import unicodedata
from array import array
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.inputs.table.spec import TableInput
from kedja.common.errors import KedjaError, nearest
from kedja.common.progress import say
from kedja.data.settings import Settings
from kedja.data.sources.files.tree import SPLIT_NAMES, Tree
from kedja.data.sources.rows.files import open_rows
from kedja.data.sources.rows.profile import Profile
from kedja.data.sources.rows.stated import Role, Stated, read_stated
from kedja.data.sources.source import Item
from kedja.data.sources.tables.columns import LABELS

# Cells that say in published tables that nothing is known.
MISSING = ("?", "NA", "N/A", "NaN", "nan", "null", "NULL")
TIME = "time:"
_BLOCK = 4096
_MOST_CLASSES = 1000
_READ = ("number", "date", "category", "boolean")


class Table:
    """A source over the rows of one file."""

    kind = "table"
    title = "a table of rows"

    def __init__(self, file: Path, settings: Settings) -> None:
        """Looks at the first rows.

        Raises:
            KedjaError: the file is no table, or which of its columns is the label cannot be told.
        """
        self.licence = settings.licence or "not stated"
        self.image: ImageSpec | None = None
        self.tree: Tree | None = None
        self.classes: list[str] | None = None
        self.notes: list[str] = []
        self._file, self._settings = file, settings
        self._stated = {one.name: one for one in read_stated(settings.columns, settings.encoding)}
        targets = [one.name for one in self._stated.values() if one.role == "target"]
        if len(targets) > 1 or (targets and settings.label not in ("", targets[0])):
            raise KedjaError(f"columns= and label= name several targets: {', '.join([settings.label, *targets])}")
        self._missing = frozenset(["", *(settings.missing or MISSING)])
        self._time = settings.split.removeprefix(TIME) if settings.split.startswith(TIME) else ""
        wanted = (settings.label or "".join(targets), self._time or settings.split, settings.group)
        self._rows = open_rows(file, list(self._stated.values()), [name for name in wanted if name], settings.encoding)
        names = self._rows.names
        self.target = self._find_label(names, wanted[0])
        places = {"label": self.target, "split": wanted[1], "group": settings.group}
        self._places = {role: names.index(name) for role, name in places.items() if name}
        # What says when a row came, or of whom, would tell the label of its neighbours.
        aside = {self.target, "" if self._time else settings.split, settings.group}
        self._used = [place for place, name in enumerate(names) if name not in aside]
        self._aside = [name for name in names if name in aside]

    def items(self) -> Iterator[Item]:
        """The content of an item is the row's cells as a list in JSON, in UTF-8."""
        label, split, group = (self._places.get(role) for role in ("label", "split", "group"))
        for line, row in self._rows.rows():
            where = f"{self._file.name} line {line}"
            name = unicodedata.normalize("NFC", row[label] if label is not None else "")
            if name in self._missing:
                raise KedjaError(f"{where} has no {self.target}", "write it, or remove the line")
            given = "" if split is None else self._split_of(row[split], where)
            cells = json.dumps([row[place] for place in self._used], ensure_ascii=False)
            content = np.frombuffer(cells.encode("utf-8", "surrogatepass"), np.uint8)
            yield Item(f"{line:07d}", name, content, given, "" if group is None else row[group])

    @cached_property
    def schema(self) -> tuple[TableInput, list[int]]:
        """What the model reads, and at which places of an item's content its columns stand; said aloud.

        Raises:
            KedjaError: a column is not what was stated, the label is a quantity, or no column is left to read.
        """
        self._check_label()
        columns, places, ignored = [], [], [(name, "label, split or group") for name in self._aside]
        marks: dict[str, int] = {}
        for place, profile in enumerate(self._profiles[position] for position in self._used):
            stated = self._stated.get(profile.name)
            role, why = profile.role()
            if stated and stated.role:
                role, why = stated.role, "as stated"
            if role not in _READ:
                ignored.append((profile.name, f"{role}: {why}"))
                continue
            columns.append(profile.column(role, stated))
            places.append(place)
            for mark, number in profile.marks.items():
                marks[mark] = marks.get(mark, 0) + number
        if not columns:
            raise KedjaError(f"{self._file.name}: none of its columns can be read", "columns=<name>:category takes one")
        words = sorted(self._missing - {""})
        found = TableInput(columns, [name for name, _ in ignored], words)
        self._say(found, dict(ignored), marks)
        return found, places

    @cached_property
    def _profiles(self) -> list[Profile]:
        forms = {one.name: one.more for one in self._stated.values() if one.role == "date"}
        found = [Profile(name, self._missing, forms.get(name, "")) for name in self._rows.names]
        rows = self._rows.rows()
        while block := [row for _, row in islice(rows, _BLOCK)]:
            for profile, cells in zip(found, zip(*block, strict=True), strict=True):
                profile.add(cells)
        for profile in found:
            profile.finish()
        return found

    def _find_label(self, names: list[str], wanted: str) -> str:
        if wanted:
            return wanted
        usual = [name for name in names if name.lower() in LABELS]
        if len(usual) != 1:
            raise KedjaError(
                f"{self._file.name}: which column is predicted cannot be told; its columns are {', '.join(names)}",
                "name it: label=<column>",
            )
        self.notes.append(f"what is predicted is the column {usual[0]!r}; label= names another")
        return usual[0]

    def _check_label(self) -> None:
        """Refuse a label that is a quantity."""
        profile = self._profiles[self._places["label"]]
        role, _ = profile.role()
        different = profile.different
        quantity = role == "number" and (different is None or different > max(20, profile.rows // 20))
        if different is None or different > _MOST_CLASSES or quantity:
            number = "very many" if different is None else f"{different:,}"
            raise KedjaError(
                f"the label {self.target!r} has {number} different values: it is no class",
                "label= names the column of the classes; quantities are to be cut into some first",
            )

    def _split_of(self, cell: str, where: str) -> str:
        if self._time:
            return self._split_by_time(cell, where)
        if cell and cell.lower() not in SPLIT_NAMES:
            raise KedjaError(f"{where}: {cell!r} is no split", nearest(cell.lower(), list(SPLIT_NAMES)))
        return SPLIT_NAMES[cell.lower()] if cell else ""

    def _split_by_time(self, cell: str, where: str) -> str:
        """Earlier rows train, later ones validate, the last ones test; those of one moment stay together."""
        if cell in self._missing:
            raise KedjaError(
                f"{where} has no {self._time}, by which the rows are to be split", "write it, or remove it"
            )
        moment = self._moment(cell)
        later, last = self._borders
        return "test" if moment >= last else "val" if moment >= later else "train"

    @cached_property
    def _borders(self) -> tuple[float, float]:
        place = self._places["split"]
        moments = array(
            "d", (self._moment(row[place]) for _, row in self._rows.rows() if row[place] not in self._missing)
        )
        ordered = np.sort(np.frombuffer(moments, np.float64))
        shares = np.cumsum(self._settings.fractions) / sum(self._settings.fractions)
        later, last = (float(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) for share in shares[:2])
        say(f"rows are split by {self._time}: train before {self._shown(later)}, val before {self._shown(last)}, test")
        return later, last

    @cached_property
    def _clock(self) -> tuple[Role, Stated | None]:
        stated = self._stated.get(self._time)
        role = stated.role if stated and stated.role else self._profiles[self._places["split"]].role()[0]
        if role not in ("number", "date", "identifier"):
            raise KedjaError(
                f"split={TIME}{self._time}: the column is of {role}s, which have no order", "a date or number"
            )
        return role, stated

    def _moment(self, cell: str) -> float:
        from kedja.bundle.inputs.table.column import seconds

        role, stated = self._clock
        try:
            return seconds(cell, stated.more if stated else "") if role == "date" else float(cell)
        except ValueError:
            raise KedjaError(f"{self._time}: {cell!r} is no moment", "a date as 2024-01-31, or a number") from None

    def _shown(self, moment: float) -> str:
        from kedja.bundle.inputs.table.column import text_of

        return text_of(moment) if self._clock[0] == "date" else f"{moment:g}"

    def _say(self, found: TableInput, ignored: dict[str, str], marks: dict[str, int]) -> None:
        say(f"columns of {self._file.name} (columns=<name>:<type> says otherwise):")
        for column in found.columns:
            missing = f"; {column.missing:,} missing" if column.missing else ""
            say(f"  {column.name}: {column.type}, {column.words.partition(': ')[2] or column.words}{missing}")
        for name, why in ignored.items():
            say(f"  {name}: not read ({why})")
        if marks:
            shown = ", ".join(f"{mark or 'empty'} {number:,}" for mark, number in sorted(marks.items()))
            say(f"  taken for missing: {shown} (missing= says what is)")
