"""What stands in a column, found in one pass over a table in bounded memory; and what the column is, therefore."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from kedja.bundle.inputs.table.column import Column, seconds
from kedja.common.errors import KedjaError
from kedja.data.sources.rows.files import is_number
from kedja.data.sources.rows.stated import Role, Stated

# Different values that are counted one by one; of a column with more nothing but their range is kept.
MOST_COUNTED = 50_000
MOST_CATEGORIES = 1000
_SAMPLED = 65_536
# Strings that repeat less are no categories.
_REPEATED = 0.5
_WORDS_OF_A_TEXT, _LETTERS_OF_A_TEXT = 4, 30
_BOOLEANS = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"})
# With fewer rows, that all values differ says little.
_MANY = 20
_IDENTIFIERS = ("id", "index", "row", "key", "uuid", "number", "no", "nr")


class Profile:
    """Of one column.

    Args:
        missing: cells in which nothing stands.
        form: of its dates, where it was stated.
    """

    def __init__(self, name: str, missing: frozenset[str], form: str = "") -> None:
        self.name, self.form = name, form
        self.rows = self.missing = 0
        self.marks: Counter[str] = Counter()
        self._nothing = missing
        # None from where there are too many of them.
        self.counts: Counter[str] | None = Counter()
        self._all_differ = self._rising = True
        self._numbers, self._dates = _Range(), _Range()
        self.example = ""

    def add(self, cells: Sequence[str]) -> None:
        """The cells of some more rows."""
        self.rows += len(cells)
        present = [cell for cell in cells if cell not in self._nothing]
        if len(present) < len(cells):
            self.missing += len(cells) - len(present)
            self.marks.update(cell for cell in cells if cell in self._nothing)
        if self.counts is None:
            self._measure(present)
            return
        self.counts.update(present)
        if len(self.counts) > MOST_COUNTED:
            self._all_differ = len(self.counts) == self.rows - self.missing
            self._measure(list(self.counts), list(self.counts.values()))
            self.counts = None

    def finish(self) -> None:
        """After the last row."""
        if self.counts is not None:
            self._all_differ = len(self.counts) == self.rows - self.missing
            self._measure(list(self.counts), list(self.counts.values()))

    @property
    def different(self) -> int | None:
        """How many different values there are; None where they were too many to count."""
        return None if self.counts is None else len(self.counts)

    def role(self) -> tuple[Role, str]:
        """What the column is, and why, for people."""
        values = self.rows - self.missing
        if self.counts and {cell.lower() for cell in self.counts} in _BOOLEANS:
            return "boolean", ""
        if not values:
            return "identifier", "it is empty"
        if self._numbers.holds:
            return self._role_of_numbers(values)
        if self._dates.holds:
            return "date", ""
        if self.counts is None or (values > MOST_CATEGORIES // 10 and len(self.counts) > _REPEATED * values):
            long = len(self.example.split()) >= _WORDS_OF_A_TEXT or len(self.example) > _LETTERS_OF_A_TEXT
            if long:
                return "text", "its words hardly ever repeat"
            if self._all_differ or self.counts is None:
                return "identifier", "its values hardly ever repeat"
        return "category", ""

    def column(self, role: Role, stated: Stated | None) -> Column:
        """How the model reads it, as number, date, category or boolean.

        Raises:
            KedjaError: it cannot be what was stated.
        """
        more = stated.more if stated else ""
        if role == "number":
            return self._of_range("number", self._numbers, unit=more)
        if role == "date":
            return self._of_range("date", self._dates, form=self.form)
        if role == "boolean":
            words = {cell.lower() for cell in self.counts or ()}
            column = Column(self.name, "boolean", ["false", "true"], missing=self.missing)
            if self.counts is None or (wrong := words - column.codes.keys()):
                raise self._not(role, min(wrong) if self.counts is not None else self.example)
            yes = sum(number for cell, number in self.counts.items() if column.codes[cell.lower()])
            typical = float(2 * yes > self.rows - self.missing)
            return Column(self.name, "boolean", ["false", "true"], typical=typical, missing=self.missing)
        if not self.counts:
            why = "has too many values to be a category" if self.counts is None else "is empty, and no category"
            raise KedjaError(f"the column {self.name!r} {why}", f"columns={self.name}:identifier leaves it out")
        ranked = sorted(self.counts, key=lambda cell: (-self.counts[cell], cell))  # type: ignore[index]
        return Column(self.name, "category", ranked[:MOST_CATEGORIES], missing=self.missing)

    def _measure(self, cells: Sequence[str], times: Sequence[int] = ()) -> None:
        """Read cells, each of which comes `times`, or once."""
        if cells and not self.example:
            self.example = max(cells[:100], key=len)
        self._numbers.add(cells, times, _number)
        self._dates.add(cells, times, lambda cell: seconds(cell, self.form))

    def _role_of_numbers(self, values: int) -> tuple[Role, str]:
        words = self.name.lower().replace("-", "_").replace(" ", "_").split("_")
        numbered = self._numbers.whole and self._numbers.high - self._numbers.low == values - 1
        named = bool({words[0], words[-1]} & set(_IDENTIFIERS)) or self.name.lower().startswith(("unnamed", "column "))
        if self._all_differ and self._numbers.whole and (numbered or named) and values >= _MANY:
            return "identifier", "it numbers the rows" if numbered else "every value is another"
        return "number", ""

    def _of_range(self, kind: Literal["number", "date"], found: "_Range", *, unit: str = "", form: str = "") -> Column:
        if not found.holds:
            raise self._not(kind, found.wrong)
        return Column(self.name, kind, [], found.low, found.high, found.median(), found.whole, self.missing, unit, form)

    def _not(self, role: str, cell: str) -> KedjaError:
        return KedjaError(
            f"the column {self.name!r} is no {role}: it holds {cell!r}",
            f"columns={self.name}:category, or missing=… where that says that nothing is known",
        )


class _Range:
    """Of values as far as all of them can be read; a regular sample of them for the median."""

    def __init__(self) -> None:
        self.wrong = ""
        self.low, self.high, self.whole = math.inf, -math.inf, True
        self._sample: list[float] = []
        self._step, self._seen = 1, 0

    @property
    def holds(self) -> bool:
        return not self.wrong and self._seen > 0

    def add(self, cells: Sequence[str], times: Sequence[int], read: Callable[[str], float]) -> None:
        if self.wrong or not cells:
            return
        values = []
        for cell in cells:
            try:
                values.append(read(cell))
            except (ValueError, OverflowError):
                self.wrong = cell
                return
        self.low, self.high = min(self.low, *values), max(self.high, *values)
        self.whole = self.whole and all(value.is_integer() for value in values)
        if times:
            values = [value for value, count in zip(values, times, strict=True) for _ in range(count)]
        first = -self._seen % self._step
        self._sample += values[first :: self._step]
        self._seen += len(values)
        while len(self._sample) > _SAMPLED:
            self._sample, self._step = self._sample[::2], 2 * self._step

    def median(self) -> float:
        ordered = sorted(self._sample)
        return ordered[(len(ordered) - 1) // 2] + 0.0


def _number(cell: str) -> float:
    if not is_number(cell):
        raise ValueError(cell)
    return float(cell) + 0.0
