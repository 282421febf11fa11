"""One column of a table: what stands in it, and how a cell becomes a number. Standard library and numpy."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from kedja.bundle.inputs.input import InputError, json_type
from kedja.common.errors import KedjaError, cut, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

Type = Literal["number", "date", "category", "boolean"]
# What is no category: nothing stood there, or something that the training data do not know.
MISSING, UNSEEN = -1, -2
# Stands for what was unseen where a row is written out again; no source can hold it.
STRANGER = "\N{REPLACEMENT CHARACTER}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TRUE, _FALSE = ("true", "yes", "t", "y", "1"), ("false", "no", "f", "n", "0")


@dataclass(frozen=True)
class Column:
    """Attributes:
    name: as its source has it; keys of JSON and the header of a CSV are the same.
    type: numbers and dates are float64, NaN where one is missing; categories and booleans are int32, positions in
        `categories`.
    categories: the most frequent first; of a boolean, ``false`` and ``true``.
    low, high: the range in the training data; of dates in seconds since 1970, in UTC.
    typical: the median; of categories the position of the most frequent one.
    whole: whether all numbers are whole.
    missing: cells in which nothing stood.
    unit: of a number, for people.
    format: of dates, as `strptime` has it; empty for ISO 8601.
    """

    name: str
    type: Type
    categories: list[str]
    low: float = 0.0
    high: float = 0.0
    typical: float = 0.0
    whole: bool = False
    missing: int = 0
    unit: str = ""
    format: str = ""

    def __post_init__(self) -> None:
        if self.type not in get_args(Type):
            raise KedjaError(
                f"the column {cut(self.name)!r} is of no known type", nearest(str(self.type), [*get_args(Type)])
            )
        if (
            not self.name
            or len(set(self.categories)) != len(self.categories)
            or self.is_number == bool(self.categories)
        ):
            raise KedjaError(f"the column {cut(self.name)!r} has no name, or categories that are not right")
        if not self.is_number and not MISSING < self.typical < len(self.categories):
            raise KedjaError(f"the typical category of {cut(self.name)!r} is none of its categories")

    @property
    def is_number(self) -> bool:
        """Whether its cells are float64; else they are int32."""
        return self.type in ("number", "date")

    @cached_property
    def codes(self) -> dict[str, int]:
        """What a cell may say → its position in `categories`."""
        if self.type == "boolean":
            return dict.fromkeys(_FALSE, 0) | dict.fromkeys(_TRUE, 1)
        return {category: code for code, category in enumerate(self.categories)}

    def from_value(self, value: Any) -> float | int:
        """A value of JSON: a number, or a code, `UNSEEN` for a category that is not known.

        Raises:
            InputError: it is of another type.
        """
        if value is None:
            return math.nan if self.is_number else MISSING
        if self.type == "number":
            return self._number(value)
        if self.type == "boolean" and (isinstance(value, bool) or value in (0, 1)):
            return int(value)
        if self.type == "category" and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise self._refusal(value)
        return self.from_text(value)

    def from_text(self, text: str) -> float | int:
        """A cell of a table in which something stands; raises `InputError`."""
        if self.type == "number":
            try:
                return self._number(float(text if "_" not in text else ""))
            except ValueError:
                raise self._refusal(text) from None
        if self.type == "date":
            try:
                return seconds(text, self.format)
            except ValueError:
                raise self._refusal(text) from None
        code = self.codes.get(text.lower() if self.type == "boolean" else text, UNSEEN)
        if code == UNSEEN and self.type == "boolean":
            raise self._refusal(text)
        return code

    def from_cells(self, cells: Sequence[str], missing: frozenset[str]) -> "NDArray[Any]":
        """The cells of many rows: float64 (N,) or int32 (N,); raises `InputError` for the first that is wrong."""
        import numpy as np

        if not self.is_number:
            known = self._with_missing(missing)
            found: list[Any] = [known.get(cell) for cell in cells]
            if None in found:
                pairs = zip(cells, found, strict=True)
                found = [self.from_text(cell) if code is None else code for cell, code in pairs]
            return np.array(found, np.int32)
        nothing = math.nan
        if self.type == "number" and "_" not in "".join(cells):
            try:
                numbers = np.array([nothing if cell in missing else float(cell) for cell in cells], np.float64)
            except ValueError:
                numbers = np.full(len(cells), math.inf)
            if not np.isinf(numbers).any() and np.isnan(numbers).sum() == sum(cell in missing for cell in cells):
                # Minus zero would be another row than zero.
                return numbers + 0.0
        return np.array([nothing if cell in missing else self.from_text(cell) for cell in cells], np.float64)

    def to_value(self, stored: float | int) -> Any:
        """What `from_value` reads again as the same number or code."""
        if not self.is_number:
            if stored == MISSING:
                return None
            word = STRANGER if stored == UNSEEN else self.categories[int(stored)]
            return bool(stored) if self.type == "boolean" else word
        if math.isnan(stored):
            return None
        if self.type == "date":
            return text_of(stored, self.format)
        return int(stored) if float(stored).is_integer() and abs(stored) < 2**53 else float(stored)

    @property
    def words(self) -> str:
        """For people: what may stand in it."""
        unit = f" in {self.unit}" if self.unit else ""
        if self.type == "number":
            kind = "whole number" if self.whole else "number"
            return f"{kind}{unit}, {self.low:g} to {self.high:g}"
        if self.type == "date":
            return f"date, {text_of(self.low, self.format)} to {text_of(self.high, self.format)}"
        if self.type == "boolean":
            return "true or false"
        shown = ", ".join(self.categories[:8])
        more = len(self.categories) - 8
        return f"one of {len(self.categories)}: {shown}{f' and {more} more' if more > 0 else ''}"

    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value."""
        types = {"number": "number", "boolean": "boolean"}
        return {"type": [types.get(self.type, "string"), "null"], "description": self.words}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def _with_missing(self, missing: frozenset[str]) -> dict[str, int]:
        return self.codes | dict.fromkeys(missing, MISSING)

    def _number(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refusal(value)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise InputError("invalid-input", f"`{cut(self.name)}` is not finite")
        return number + 0.0

    def _refusal(self, value: Any) -> InputError:
        wanted = {"number": "a number", "date": f"a date ({self.format or 'YYYY-MM-DD'})", "boolean": "true or false"}
        said = f": {cut(value)!r}" if isinstance(value, str) else ""
        remedy = "null, or an empty cell, where it is not known" if self.type != "boolean" else ""
        wrong = f"`{cut(self.name)}` is not {wanted.get(self.type, 'a string')} but {json_type(value)}{said}"
        return InputError("invalid-input", wrong, remedy)


def seconds(text: str, form: str = "") -> float:
    """A date, or a time of one, in seconds since 1970; without a zone it is taken for UTC. Raises `ValueError`."""
    if form:
        moment = datetime.strptime(text, form)
    elif "-" in text[1:]:
        moment = datetime.fromisoformat(text)
    else:
        raise ValueError(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) / _MICROSECOND / 1e6


def text_of(moment: float, form: str = "") -> str:
    """The inverse of `seconds`."""
    found = _EPOCH + timedelta(microseconds=round(moment * 1e6))
    if form:
        return found.strftime(form)
    plain = found.replace(tzinfo=None)
    return plain.date().isoformat() if plain == datetime(plain.year, plain.month, plain.day) else plain.isoformat()
