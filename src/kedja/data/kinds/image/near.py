"""Pairs of images that look alike: candidates by perceptual hash, confirmed on small grids of brightness."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.image.spec import ImageSpec

# A resized, recompressed or brightened copy changes few of the 64 bits.
MAX_BITS = 6
# Pearson correlation of the brightness over a 16×16 grid. Measured on CIFAR-10 and Grocery: see docs/data.md.
MIN_CORRELATION = 0.97
# Where near-duplicates are copies, few pairs are only almost as alike as copies are: 0.8 for each found one in
# CIFAR-10. Where all images resemble each other (handwritten digits: 8), likeness tells nothing: see docs/LOG.md.
ALMOST = 0.94
MOST_ALMOST = 2.0
# An 8×8 scan has no more detail than the hash has bits: everything would look like everything.
MIN_SIDE = 16
# Images with one band in common are compared with this many neighbours in the order of their hashes at the most,
# with fewer where there are very many images: the search stays near-linear, and misses some of the less alike.
NEIGHBOURS = 200
_FEWEST_NEIGHBOURS = 16
_COMPARISONS = 40_000_000
_BANDS = MAX_BITS + 1

# Positions (n,) → uint8 (n, 256), see `kedja.data.kinds.image.perceptual.brightness`.
Brightness = Callable[[NDArray[np.int64]], NDArray[np.uint8]]


def can_be_compared(spec: ImageSpec) -> bool:
    """Whether images of this size have enough detail for likeness to mean anything."""
    return min(spec.height, spec.width) >= MIN_SIDE


def near_pairs(hashes: NDArray[np.uint64], same: NDArray[np.int64], brightness: Brightness) -> NDArray[np.int64]:
    """(M, 2) positions, the smaller first, of images that look alike but differ in their pixels.

    None where far more pairs are almost as alike: there likeness is no sign of a copy.

    Args:
        hashes: perceptual hashes (N,).
        same: (N,) numbers, equal for images with equal pixels.
        brightness: gives the 16×16 brightness of some positions.
    """
    # Equal images behave alike: one of each is enough.
    first = np.unique(same, return_index=True)[1].astype(np.int64)
    found = [_likeness(block, brightness) for block in _candidates(hashes[first], first)]
    if not found:
        return np.empty((0, 2), np.int64)
    every, once = np.unique(np.sort(np.concatenate([p for p, _ in found]), axis=1), axis=0, return_index=True)
    pairs: NDArray[np.int64] = every[np.concatenate([likeness for _, likeness in found])[once] >= MIN_CORRELATION]
    return pairs if len(every) - len(pairs) <= MOST_ALMOST * len(pairs) else pairs[:0]


def _candidates(hashes: NDArray[np.uint64], positions: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Blocks of pairs whose hashes differ in few bits.

    With one band more than bits that may differ, one band at least is equal in both: only images that share a
    band are compared.
    """
    neighbours = min(NEIGHBOURS, max(_FEWEST_NEIGHBOURS, _COMPARISONS // max(1, len(hashes))))
    edges = np.linspace(0, 64, _BANDS + 1).astype(int)
    for low, high in pairwise(edges):
        mask = np.uint64((1 << (high - low)) - 1)
        band = (hashes >> np.uint64(low)) & mask
        order = np.lexsort((hashes, band))
        # Neighbours side by side in memory are compared several times as quickly as through their positions.
        band, sorted_hashes, sorted_positions = band[order], hashes[order], positions[order]
        for distance in range(1, neighbours + 1):
            together = band[:-distance] == band[distance:]
            if not together.any():
                break
            close = together & (np.bitwise_count(sorted_hashes[:-distance] ^ sorted_hashes[distance:]) <= MAX_BITS)
            if close.any():
                yield np.stack([sorted_positions[:-distance][close], sorted_positions[distance:][close]], axis=1)


def _likeness(
    pairs: NDArray[np.int64], brightness: Brightness, block: int = 1024
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The pairs that are almost alike at least, and their correlation."""
    kept, values = [pairs[:0]], [np.empty(0)]
    for start in range(0, len(pairs), block):
        part = pairs[start : start + block]
        left, right = _normalised(brightness(part[:, 0])), _normalised(brightness(part[:, 1]))
        likeness = (left * right).sum(axis=1)
        kept.append(part[likeness >= ALMOST])
        values.append(likeness[likeness >= ALMOST])
    return np.concatenate(kept), np.concatenate(values)


def _normalised(cells: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n, 256) of mean zero and length one; blank images become zero, so that they resemble nothing."""
    centred = cells - cells.mean(axis=1, keepdims=True, dtype=np.float64)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    result: NDArray[np.float64] = np.where(length > 1e-9, centred / np.maximum(length, 1e-9), 0.0)
    return result
