"""Perceptual hashes of prepared pixels: images that look alike get hashes that differ in few bits.

A difference hash (N. Krawetz, "Kind of Like That", 2013) over the mean brightness of a 9×8 grid, in whole
numbers, so that it is the same on every machine.
"""

import numpy as np
from numpy.typing import NDArray

SIDE = 16
CELLS = SIDE * SIDE
# ITU-R BT.601 luma in 16-bit fixed point.
_LUMA = np.array([19595, 38470, 7471], np.int64)


def perceptual_hashes(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """uint8 (N, H, W, C) → uint64 (N,)."""
    cells = grid(images, 8, 9)
    bits = (cells[:, :, 1:] > cells[:, :, :-1]).reshape(len(images), 64)
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64).reshape(-1)


def brightness(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mean brightness over a 16×16 grid: uint8 (N, H, W, C) → uint8 (N, 256)."""
    return (grid(images, SIDE, SIDE) >> 8).astype(np.uint8).reshape(len(images), CELLS)


def grid(images: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.int64]:
    """Mean luma over a grid of cells: uint8 (N, H, W, C) → int64 (N, rows, columns), 256 times the brightness."""
    height, width = images.shape[1:3]
    # Rows first: the sum over full rows runs over contiguous memory.
    edges_y, edges_x = np.arange(rows) * height // rows, np.arange(columns) * width // columns
    sums = np.add.reduceat(np.add.reduceat(images, edges_y, axis=1, dtype=np.int64), edges_x, axis=2)
    luma = sums @ _LUMA if images.shape[3] == 3 else sums[..., 0] << 16
    heights = np.maximum(np.diff(np.append(edges_y, height)), 1)
    widths = np.maximum(np.diff(np.append(edges_x, width)), 1)
    means: NDArray[np.int64] = (luma // (heights[:, None] * widths)) >> 8
    return means
