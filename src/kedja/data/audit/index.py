"""The index of a prepared data set with every column, for the audit."""

import csv
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kedja.common.outside import unescaped
from kedja.data.kinds.registry import kind_type
from kedja.data.names import INDEX
from kedja.data.prepared import REJECTED, SPLITS, PreparedDataset


@dataclass(frozen=True)
class FullIndex:
    """Columns beyond those of `PreparedDataset`, one value an example.

    Attributes:
        columns: all of them as they are written, by their header.
        same: uint64, equal for examples that are the same to a model.
        groups: what the source says belongs together, empty where it says nothing.
    """

    columns: dict[str, list[str]]
    same: NDArray[np.uint64]

    @property
    def groups(self) -> list[str]:
        return self.columns["group"]

    def numbers(self, header: str, base: int = 10) -> list[int]:
        """A column of whole numbers."""
        return [int(value, base) for value in self.columns[header]]


def read_index(data: PreparedDataset) -> FullIndex:
    """Read what `kedja.data.preparation.writer` wrote."""
    with (data.folder / INDEX).open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    same = [int(value, 16) for value in columns[kind_type(data.kind).identity]]
    return FullIndex(columns, np.array(same, np.uint64))


def read_rejected(data: PreparedDataset) -> list[dict[str, str]]:
    """What was left out: id, split, class, code, reason."""
    path = data.folder / REJECTED
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: unescaped(cell) for key, cell in row.items()} for row in csv.DictReader(file)]


def split_names(data: PreparedDataset, positions: list[int]) -> str:
    """The splits of some images, each once, in order: ``train and test``."""
    return " and ".join(SPLITS[split] for split in sorted({int(data.splits[position]) for position in positions}))


def class_names(data: PreparedDataset, positions: list[int]) -> str:
    """The classes of some images, each once, in order."""
    return ", ".join(data.classes[label] for label in sorted({int(data.labels[position]) for position in positions}))
