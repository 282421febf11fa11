"""Preparation of rows: their columns, equal rows, storage as two arrays."""

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import InputError
from kedja.bundle.inputs.table.spec import TableInput
from kedja.common.errors import KedjaError
from kedja.data.kinds.kind import Chunk, Content, Kind, Result
from kedja.data.kinds.table.statistics import quantiles, untrained
from kedja.data.kinds.table.stored import FILES, StoredRows, open_arrays
from kedja.data.kinds.table.write import write_selected
from kedja.data.preparation.npy import Place, create_npy, write_images
from kedja.data.preparation.workspace import KEPT


class HasSchema(Protocol):
    """A source of rows: an item's content is a list of cells, as JSON in UTF-8; `target` is the label's column."""

    target: str

    @property
    def schema(self) -> tuple[TableInput, list[int]]:
        """The columns, and the places of their cells in the content."""
        ...


class Rows(Kind):
    """Rows as an array of numbers and one of codes."""

    input: TableInput

    def choose(self, count: int, contents: Iterator[Content]) -> None:
        self.input, self._places = cast(HasSchema, self.source).schema
        self._folder = Path()

    def decoder(self, count: int) -> Callable[[Chunk], list[Result]]:
        places = {}
        for tensor in self.input.tensors:
            row_bytes = np.dtype(tensor.dtype).itemsize * int(tensor.shape[0])
            places[tensor.name] = create_npy(self.workspace.folder / FILES[tensor.name], (count, row_bytes))
        return partial(read_chunk, self.input, self._places, places)

    def write(self, folder: Path) -> None:
        kept = self.workspace.column(KEPT, np.bool_)
        for tensor in self.input.tensors:
            name = FILES[tensor.name]
            write_selected(self.workspace.folder / name, folder / name, tensor, kept)
        self._folder = folder

    def storage(self) -> dict[str, Any]:
        return {"storage": "rows", "target": cast(HasSchema, self.source).target}

    def statistics(self) -> dict[str, Any]:
        """``quantiles`` of each column of numbers, and ``untrained``, the rows with categories that training lacks."""
        splits = self.workspace.column("split", np.int64, KEPT)
        arrays = open_arrays(self._folder, self.input, len(splits))
        return {
            "quantiles": quantiles(arrays, self.input, splits == 0),
            "untrained": untrained(arrays, self.input, splits == 0),
        }

    @classmethod
    def open(cls, folder: Path, description: "dict[str, Any]") -> StoredRows:  # type: ignore[override]
        return StoredRows(folder, description)


def read_chunk(expected: TableInput, columns: list[int], places: dict[str, Place], chunk: Chunk) -> list[Result]:
    """Write the rows to their places in the arrays; what `Rows.columns` say of each."""
    contents = [content.tobytes() for _, content in chunk]
    rows = [json.loads(data) for data in contents]
    try:
        feed = expected.from_cells([[row[place] for row in rows] for place in columns])
    except (InputError, KedjaError) as error:
        if len(chunk) > 1:
            return [result for one in chunk for result in read_chunk(expected, columns, places, [one])]
        return [("", 0, None, getattr(error, "code", "corrupt"), error.problem, chunk[0][0])]
    positions = np.array([position for position, _ in chunk])
    stored = {name: as_bytes(array) for name, array in feed.items()}
    for name, array in stored.items():
        write_images(places[name], positions, array)
    whole = np.concatenate(list(stored.values()), axis=1)
    return [
        (hashlib.sha256(data).hexdigest(), len(data), identity(row), "", "", int(position))
        for data, row, position in zip(contents, whole, positions, strict=True)
    ]


def as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """The rows of an array (N, …) as little-endian bytes (N, …)."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return little.view(np.uint8)


def identity(row: NDArray[np.uint8]) -> int:
    """64 bits that are equal for rows that are the same to a model."""
    return int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), "big", signed=True)
