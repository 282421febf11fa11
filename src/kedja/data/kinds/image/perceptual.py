"""Perceptual hashes of prepared pixels: images that look alike get hashes that differ in few bits.

A difference hash (N. Krawetz, "Kind of Like That", 2013) over the mean brightness of a 9×8 grid, in whole
numbers, so that it is the same on every machine.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SIDE = 16
CELLS = SIDE * SIDE
_CACHE_BYTES = 2**19
# ITU-R BT.601 luma in 16-bit fixed point.
_LUMA = np.array([19595, 38470, 7471], np.int64)


def perceptual_hashes(cells: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """`brightness` (N, 256) → uint64 (N,)."""
    pictures = cells.reshape(-1, SIDE, SIDE, 1)
    coarse = grid(pictures, 8, 9)
    bits = (coarse[:, :, 1:] > coarse[:, :, :-1]).reshape(len(cells), 64)
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64).reshape(-1)


def brightness(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mean brightness over a 16×16 grid: uint8 (N, H, W, C) → uint8 (N, 256)."""
    # One large image at a time stays in the processor's cache.
    step = max(1, _CACHE_BYTES // max(1, images[0].nbytes)) if len(images) else 1
    blocks = [grid(images[start : start + step], SIDE, SIDE) for start in range(0, len(images), step)]
    cells = np.concatenate(blocks) if blocks else np.empty((0, SIDE, SIDE), np.int64)
    return (cells >> 8).astype(np.uint8).reshape(len(images), CELLS)


def grid(images: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.int64]:
    """Mean luma over a grid of cells: uint8 (N, H, W, C) → int64 (N, rows, columns), 256 times the brightness."""
    count, height, width, channels = images.shape
    down, across = _cells(height, rows), _cells(width, columns)
    # Products of matrices are the quickest sums there are. Whole numbers below 2²⁴ are exact in single precision,
    # so the order of summation does not matter and the result is the same on every machine.
    exact = np.float32 if -(-height // rows) * -(-width // columns) * 255 < 2**24 else np.float64
    lines = images.reshape(count, height, width * channels).astype(exact)
    by_row = np.empty((count, rows, width * channels), exact)
    for row, (first, last) in enumerate(down):
        by_row[:, row] = (np.ones((1, last - first), exact) @ lines[:, first:last])[:, 0]
    by_cell = _membership(width, across).astype(exact) @ by_row.reshape(count, rows, width, channels)
    sums = by_cell.astype(np.int64)
    luma = sums @ _LUMA if channels == 3 else sums[..., 0] << 16
    pixels = np.outer(np.diff(down), np.diff(across))
    means: NDArray[np.int64] = (luma // pixels) >> 8
    return means


def _cells(length: int, cells: int) -> list[tuple[int, int]]:
    """For each cell its first line of pixels and the one after its last; every cell has one line at least."""
    edges = [cell * length // cells for cell in range(cells + 1)]
    return [(first, max(last, first + 1)) for first, last in pairwise(edges)]


def _membership(length: int, cells: list[tuple[int, int]]) -> NDArray[np.int64]:
    """(cells, length) ones where a line of pixels belongs to a cell."""
    lines = np.arange(length)
    edges = np.array(cells)
    first, last = edges[:, :1], edges[:, 1:]
    return ((lines >= first) & (lines < last)).astype(np.int64)
