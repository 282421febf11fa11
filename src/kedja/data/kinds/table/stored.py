"""The rows of a prepared data set, by position."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed
from kedja.bundle.inputs.table.spec import CODES, NUMBERS, TableInput
from kedja.data.kinds.stored import Stored

FILES = {NUMBERS: "numbers.npy", CODES: "codes.npy"}
_SHOWN = 40


class StoredRows(Stored):
    """Attributes:
    input: the columns.
    """

    input: TableInput

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
