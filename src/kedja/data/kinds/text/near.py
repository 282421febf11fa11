"""Pairs of texts that are nearly the same: candidates by MinHash (Broder 1997), confirmed by counting.

Written with numpy: the library `datasketch` hashes one piece of one text at a time, which takes minutes where this
takes seconds.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

# Characters of a piece, and how many of the pieces of either text both must have: a text with a word changed, added or
# left out. Measured on BANKING77 and CLINC150: see docs/LOG.md.
PIECE = 5
LEAST_ALIKE = 0.8
# 16 bands of 4 values: of pairs as alike as that, one in 20,000 is missed.
BANDS, ROWS = 16, 4
# Texts with one band in common are compared with so many neighbours at the most, so that the search stays near-linear.
NEIGHBOURS = 50
_CHUNK = 20_000
_FACTOR = np.uint64(0x9E3779B97F4A7C15)

Pieces = list[NDArray[np.uint64]]


def near_pairs(texts: Iterable[str], same: NDArray[np.int64]) -> NDArray[np.int64]:
    """(M, 2) positions, the smaller first, of texts that are nearly but not quite the same.

    Args:
        same: (N,) numbers, equal for texts that are the same; one of each is compared.
    """
    first = np.sort(np.unique(same, return_index=True)[1])
    wanted = np.zeros(len(same), np.bool_)
    wanted[first] = True
    pieces = [pieces_of(text) for text, is_first in zip(texts, wanted, strict=True) if is_first]
    if len(pieces) < 2:
        return np.empty((0, 2), np.int64)
    pairs = _candidates(_signatures(pieces))
    alike = np.fromiter((similarity(pieces[a], pieces[b]) >= LEAST_ALIKE for a, b in pairs), np.bool_, len(pairs))
    found: NDArray[np.int64] = first[pairs[alike]]
    return found


def pieces_of(text: str) -> NDArray[np.uint64]:
    """The different pieces of a text as numbers, ascending; case and white space do not count."""
    plain = " ".join(text.casefold().split())
    codes = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    size = min(PIECE, len(codes))
    numbers = np.zeros(len(codes) - size + 1, np.uint64)
    for place in range(size):
        numbers = numbers * _FACTOR + codes[place : place + len(numbers)]
    return np.unique(numbers)


def similarity(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> float:
    """The share of all their pieces that both have (Jaccard)."""
    both = len(np.intersect1d(left, right, assume_unique=True))
    return both / max(1, len(left) + len(right) - both)


def _signatures(pieces: Pieces) -> NDArray[np.uint64]:
    """(n, BANDS × ROWS): of each text the least of its pieces' numbers, in as many orders."""
    orders = np.random.default_rng(0).integers(1, 2**63, (BANDS * ROWS, 2), np.uint64)
    found = np.empty((len(pieces), len(orders)), np.uint64)
    for start in range(0, len(pieces), _CHUNK):
        part = pieces[start : start + _CHUNK]
        together = np.concatenate(part)
        begins = np.cumsum([0, *(len(one) for one in part[:-1])])
        for place, (factor, shift) in enumerate(orders):
            mixed = (together ^ shift) * (factor | np.uint64(1))
            mixed = (mixed ^ (mixed >> np.uint64(29))) * _FACTOR
            found[start : start + len(part), place] = np.minimum.reduceat(mixed, begins)
    return found


def _candidates(signatures: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Pairs (m, 2) that have a band in common."""
    pairs = [np.empty((0, 2), np.int64)]
    for band in np.split(signatures, BANDS, axis=1):
        order = np.lexsort(band.T)
        ordered = band[order]
        for distance in range(1, NEIGHBOURS + 1):
            together = (ordered[:-distance] == ordered[distance:]).all(axis=1)
            if not together.any():
                break
            pairs.append(np.stack([order[:-distance][together], order[distance:][together]], axis=1))
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)
