"""The rows of a prepared data set, by position."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed
from kedja.bundle.inputs.table.spec import CODES, NUMBERS, TableInput
from kedja.data.kinds.stored import Stored

if TYPE_CHECKING:
    from kedja.data.audit.index import FullIndex
    from kedja.data.kinds.stored import Check

FILES = {NUMBERS: "numbers.npy", CODES: "codes.npy"}
_SHOWN = 40


class StoredRows(Stored):
    """Attributes:
    input: the columns.
    """

    input: TableInput
    # Rows are no pictures of one thing: two people of one age and trade may well differ in what is asked.
    conflicts_invalidate = False
    has_effects = True

    def __init__(self, folder: Path, description: Mapping[str, Any]) -> None:
        self.input = TableInput.from_json(description["input"])
        self.arrays = open_arrays(folder, self.input, description["examples"])

    def read(self, positions: NDArray[np.int64]) -> Feed:
        return {
            tensor.name: np.ascontiguousarray(self.arrays[tensor.name][positions], tensor.dtype)
            for tensor in self.input.tensors
        }

    def encoded(self, position: int) -> bytes:
        row = {name: array[position].tolist() for name, array in self.arrays.items()}
        return self.input.encode(row.get(NUMBERS, []), row.get(CODES, []))

    def audit_checks(self) -> Sequence["Check"]:
        from kedja.data.kinds.table import audit

        return audit.CHECKS

    def audit_facts(self, index: "FullIndex") -> dict[str, Any]:
        from kedja.data.kinds.table import audit

        return audit.facts(self.input)

    def audit_rows(self, facts: dict[str, Any]) -> dict[str, str]:
        return {escape(name): words for name, words in facts["columns"].items()}

    def effects(
        self, positions: NDArray[np.int64], labels: NDArray[np.int64], answer: Callable[[Feed], NDArray[Any]]
    ) -> dict[str, Any]:
        from kedja.data.kinds.table.effects import effects

        return effects(self.input, self.read(positions), labels, answer)

    def small(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        from kedja.data.kinds.table import audit

        feed, count = self.read(positions), len(positions)
        return audit.small(feed.get(NUMBERS, np.empty((count, 0))), feed.get(CODES, np.empty((count, 0), np.int32)))

    def picture(self, position: int, title: str) -> str:
        row = self.input.to_value(self.encoded(position))
        cells = "".join(
            f"<tr><th>{escape(name)}</th><td>{'—' if value is None else escape(str(value)[:_SHOWN])}</td></tr>"
            for name, value in row.items()
        )
        return f'<table title="{escape(title, quote=True)}">{cells}</table>'


def open_arrays(folder: Path, expected: TableInput, count: int) -> Feed:
    """``numbers`` float64 and ``codes`` int32, each (count, columns of it), memory-mapped; raises `ValueError`."""
    arrays: Feed = {}
    for tensor in expected.tensors:
        name = FILES[tensor.name]
        arrays[tensor.name] = np.load(folder / name, mmap_mode="r")
        dtype = np.dtype(tensor.dtype).newbyteorder("<")
        if arrays[tensor.name].shape != (count, *tensor.shape) or arrays[tensor.name].dtype != dtype:
            raise ValueError(f"{name} does not fit {count} rows of {tensor.shape[0]} columns")
    return arrays
