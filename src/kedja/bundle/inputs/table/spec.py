"""What a model expects of a row: which columns, of which types. Standard library and numpy."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from kedja.bundle.inputs.input import (
    NO_LIMITS,
    Example,
    Examples,
    Feed,
    Input,
    InputError,
    Limits,
    Tensor,
    Values,
    json_type,
)
from kedja.bundle.inputs.table.column import MISSING, UNSEEN, Column
from kedja.bundle.inputs.table.rows import read_csv
from kedja.bundle.validate import check_types
from kedja.common.errors import KedjaError, cut, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NUMBERS, CODES = "numbers", "codes"
CSV = ("text/csv", "text/tab-separated-values")


class Row(NamedTuple):
    """Attributes:
    numbers: of the number and date columns, in their order.
    codes: of the others.
    unseen: column → category that the training data do not know.
    """

    numbers: Sequence[float]
    codes: Sequence[int]
    unseen: dict[str, str]


@dataclass(frozen=True)
class TableInput(Input):
    """Rows of named columns: float64 ``numbers`` (NaN where one is missing), int32 ``codes`` (-1 missing, -2 unseen).

    Attributes:
        columns: those that the model reads, in the order of the source.
        ignored: columns of the source that it does not read, identifiers for example; a row may have them, or not.
        missing: what a cell of a table says where nothing is known, beside being empty.
    """

    kind: ClassVar[str] = "table"
    noun: ClassVar[str] = "row"
    nouns: ClassVar[str] = "rows"
    media_types: ClassVar[tuple[str, ...]] = (*CSV, "application/octet-stream")
    suffixes: ClassVar[frozenset[str]] = frozenset({".json"})
    hint: ClassVar[str] = '{"row": {"<column>": …}}'
    in_one: ClassVar[int] = 64

    columns: list[Column]
    ignored: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = [*(column.name for column in self.columns), *self.ignored]
        if not self.columns or len(set(names)) != len(names):
            raise KedjaError("a table needs columns, each with a name of its own")

    @cached_property
    def numeric(self) -> list[Column]:
        """The columns of ``numbers``."""
        return [column for column in self.columns if column.is_number]

    @cached_property
    def coded(self) -> list[Column]:
        """The columns of ``codes``."""
        return [column for column in self.columns if not column.is_number]

    @cached_property
    def nothing(self) -> frozenset[str]:
        """Cells that say that nothing is known."""
        return frozenset(["", *self.missing])

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """``numbers`` and ``codes``, as far as there are such columns."""
        both = (Tensor(NUMBERS, "float64", (len(self.numeric),)), Tensor(CODES, "int32", (len(self.coded),)))
        return tuple(tensor for tensor in both if tensor.shape[0])

    def decode(self, data: bytes, limits: Limits = NO_LIMITS) -> Row:
        if len(data) > limits.text_bytes:
            raise InputError("too-long", f"the row has {len(data):,} bytes; {limits.text_bytes:,} are allowed")
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InputError("invalid-json", f"the row is no JSON: {error}", self.hint) from None
        return self.from_value(value, limits)

    def from_value(self, value: Any, limits: Limits = NO_LIMITS) -> Row:
        if not isinstance(value, dict):
            raise InputError("invalid-input", f"the row is no object but {json_type(value)}", self.hint)
        self._check_names(value, "the row")
        numbers: list[float] = []
        codes: list[int] = []
        unseen: dict[str, str] = {}
        for column in self.columns:
            cell = value[column.name]
            if cell.__class__ is str and cell in self.nothing and not column.is_number:
                cell = None
            found = column.from_value(cell)
            if column.is_number:
                numbers.append(found)
            else:
                codes.append(int(found))
                if found == UNSEEN:
                    unseen[column.name] = str(cell)
        return Row(numbers, codes, unseen)

    def to_value(self, data: bytes) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(data)
        return value

    def read_body(self, media_type: str, data: bytes, limits: Limits = NO_LIMITS) -> Examples:
        """A row as JSON, or a table with a header as CSV."""
        if media_type not in CSV:
            return super().read_body(media_type, data, limits)
        return Examples(self.read_table(data, limits), many=True)

    def header(self) -> list[str]:
        return [column.name for column in self.columns]

    def read_table(self, data: bytes, limits: Limits = NO_LIMITS) -> list[Row]:
        """The rows of a CSV whose header names the columns, in whatever order; raises `InputError`."""
        names = self.header()
        header, cells = read_csv(data, names, limits.examples)
        self._check_names(dict.fromkeys(header), "the header")
        self.check_count(len(cells[0]), limits)
        columns = dict(zip(header, cells, strict=True))
        feed = self.from_cells([columns[name] for name in names])
        strangers = self._strangers(feed, columns)
        numbers, codes = feed.get(NUMBERS), feed.get(CODES)
        rows = range(len(cells[0]))
        empty: list[Any] = [()] * len(rows)
        none: dict[str, str] = {}
        pairs = zip(empty if numbers is None else numbers, empty if codes is None else codes, rows, strict=True)
        return [Row(some, others, strangers.get(row, none)) for some, others, row in pairs]

    def from_cells(self, cells: Sequence[Sequence[str]]) -> Feed:
        """A feed of cells as tables have them, column by column; an error names row and column."""
        import numpy as np

        found: dict[bool, list[NDArray[Any]]] = {True: [], False: []}
        for column, of_column in zip(self.columns, cells, strict=True):
            try:
                found[column.is_number].append(column.from_cells(of_column, self.nothing))
            except InputError as error:
                raise self._in_row(column, of_column, error) from None
        arrays = {NUMBERS: found[True], CODES: found[False]}
        return {name: np.stack(of_type, axis=1) for name, of_type in arrays.items() if of_type}

    def collate(self, examples: Sequence[Example]) -> Feed:
        import numpy as np

        feed: Feed = {}
        if self.numeric:
            feed[NUMBERS] = np.array([one.numbers for one in examples], np.float64)
        if self.coded:
            feed[CODES] = np.array([one.codes for one in examples], np.int32)
        return feed

    def features(self, feed: Feed) -> Values:
        """Every column by its name, codes as positions, and of each row the ``missing cells`` and ``unseen cells``."""
        import numpy as np

        count = len(next(iter(feed.values())))
        numbers, codes = feed.get(NUMBERS, np.empty((count, 0))), feed.get(CODES, np.empty((count, 0), np.int32))
        values: Values = {f"column {one.name}": numbers[:, n] for n, one in enumerate(self.numeric)}
        places = np.where(codes < 0, np.nan, codes)
        values |= {f"column {one.name}": places[:, n] for n, one in enumerate(self.coded)}
        lost = np.isnan(numbers).sum(axis=1) + (codes == MISSING).sum(axis=1)
        return values | {
            "missing cells": lost.astype(np.float64),
            "unseen cells": (codes == UNSEEN).sum(axis=1).astype(np.float64),
        }

    def remarks(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Categories that the training data do not know, where there are any."""
        return [{"unseen": one.unseen} if one.unseen else {} for one in examples]

    def value_schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {column.name: column.schema() for column in self.columns},
            "required": [column.name for column in self.columns],
        }

    @property
    def summary(self) -> str:
        return f"of {len(self.columns)} columns"

    def describe(self) -> list[str]:
        tensors = ", ".join(f"`{one.name}`: {one.dtype} (N, {one.shape[0]})" for one in self.tensors)
        lines = [f"{tensors}; NaN is a number that is missing, -1 a category, -2 a category that training never saw"]
        lines += [f"`{column.name}`: {column.words}" for column in self.columns]
        return lines + ([f"not read: {', '.join(self.ignored)}"] if self.ignored else [])

    def suffix(self, data: bytes) -> str:
        return ".json"

    def encode(
        self, numbers: "Sequence[float] | NDArray[np.float64]", codes: "Sequence[int] | NDArray[np.int32]"
    ) -> bytes:
        """A row as the file that `decode` reads."""
        stored = {True: iter(numbers), False: iter(codes)}
        value = {column.name: column.to_value(next(stored[column.is_number])) for column in self.columns}
        return json.dumps(value, ensure_ascii=False).encode()

    def to_json(self) -> dict[str, Any]:
        columns = [column.to_json() for column in self.columns]
        return {"columns": columns, "ignored": self.ignored, "missing": self.missing}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        try:
            check_types(value, cls, "input")
        except KedjaError as error:
            raise KedjaError(f"the settings {str(value)[:200]} of rows are not valid: {error.problem}") from None
        return cls(**{**value, "columns": [Column(**column) for column in value["columns"]]})

    def _check_names(self, given: Mapping[str, Any], where: str) -> None:
        known = [column.name for column in self.columns]
        if given.keys() == set(known):
            return
        unknown = [name for name in given if name not in known and name not in self.ignored]
        if unknown:
            raise InputError(
                "unknown-column", f"{where} has the unknown column {cut(unknown[0])!r}", nearest(unknown[0], known)
            )
        if absent := [name for name in known if name not in given]:
            raise InputError(
                "missing-column",
                f"{where} lacks the column {absent[0]!r}",
                "a column that is not known is null, or empty",
            )

    def _in_row(self, column: Column, cells: Sequence[str], error: InputError) -> InputError:
        """The same error, with the row."""
        for row, cell in enumerate(cells):
            try:
                if cell not in self.nothing:
                    column.from_text(cell)
            except InputError as found:
                return InputError(found.code, f"row {row} of {len(cells)}: {found.problem}", found.remedy)
        return error

    def _strangers(self, feed: Feed, columns: Mapping[str, Sequence[str]]) -> dict[int, dict[str, str]]:
        """Row → its `Row.unseen`."""
        found: dict[int, dict[str, str]] = {}
        if CODES not in feed:
            return found
        for row, place in zip(*(feed[CODES] == UNSEEN).nonzero(), strict=True):
            name = self.coded[place].name
            found.setdefault(int(row), {})[name] = columns[name][row]
        return found
