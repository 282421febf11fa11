"""The index of a prepared data set with every column, for the audit."""

import csv
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kedja.common.outside import unescaped
from kedja.data.prepared import INDEX, REJECTED, SPLITS, PreparedDataset


@dataclass(frozen=True)
class FullIndex:
    """Columns beyond those of `PreparedDataset`, one value an image.

    Attributes:
        pixels, perceptual: uint64 hashes.
        groups: what the source says belongs together, empty where it says nothing.
        formats: Pillow's names, empty for pixels that never were a file.
        sizes: int64 (N, 2), width and height of the original.
    """

    pixels: NDArray[np.uint64]
    perceptual: NDArray[np.uint64]
    groups: list[str]
    formats: list[str]
    sizes: NDArray[np.int64]


def read_index(data: PreparedDataset) -> FullIndex:
    """Read what `kedja.data.preparation.writer` wrote."""
    with (data.folder / INDEX).open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows)
        names = ("pixel_hash", "perceptual_hash", "group", "format", "width", "height")
        positions = [header.index(name) for name in names]
        cells = [[row[position] for position in positions] for row in rows]
    pixels, perceptual, groups, formats, widths, heights = zip(*cells, strict=True)
    return FullIndex(
        np.array([int(value, 16) for value in pixels], np.uint64),
        np.array([int(value, 16) for value in perceptual], np.uint64),
        list(groups),
        list(formats),
        np.array([widths, heights], np.int64).T,
    )


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
