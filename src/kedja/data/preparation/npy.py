"""`.npy` files of pixels that do not fit into memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

CHUNK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Place:
    """A file of images, and its first byte of pixels."""

    path: Path
    offset: int


def create_npy(path: Path, shape: tuple[int, ...]) -> Place:
    """Make sure that a uint8 file of `shape` stands at `path`; one of the same shape keeps its content."""
    try:
        existing = open_npy(path)
    except (OSError, ValueError, EOFError):
        existing = None
    if existing is not None and existing.shape == shape:
        return Place(path, int(existing.offset))
    header = {"descr": npy_format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        npy_format.write_array_header_1_0(file, header)
        offset = file.tell()
        file.truncate(offset + int(np.prod(shape, dtype=np.int64)))
    return Place(path, offset)


def write_images(place: Place, positions: NDArray[np.int64], images: NDArray[np.uint8]) -> None:
    """Write images to their places, each run of neighbours with one call; safe from several processes.

    Args:
        positions: ascending (n,).
    """
    breaks = np.flatnonzero(np.diff(positions) != 1) + 1
    with place.path.open("r+b", buffering=0) as file:
        for run, block in zip(np.split(positions, breaks), np.split(images, breaks), strict=True):
            file.seek(place.offset + int(run[0]) * block[0].nbytes)
            file.write(block.data)


def open_npy(path: Path) -> "np.memmap[tuple[int, ...], np.dtype[np.uint8]]":
    """Map the file read-only."""
    mapped = np.load(path, mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    return mapped


def copy_selected(source: Path, destination: Path, kept: NDArray[np.bool_]) -> None:
    """Copy the images of `kept` in bounded memory."""
    images = open_npy(source)
    place = create_npy(destination, (int(kept.sum()), *images.shape[1:]))
    step = max(1, CHUNK_BYTES // max(1, int(np.prod(images.shape[1:]))))
    with destination.open("r+b") as file:
        file.seek(place.offset)
        for start in range(0, len(images), step):
            file.write(images[start : start + step][kept[start : start + step]].data)
