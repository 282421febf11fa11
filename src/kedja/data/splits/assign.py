"""Stratified, seeded, leak-free splits that come out the same on every machine.

The order in which images are dealt is given by a hash of the seed and the image's id, not by a random
generator: generators may change their streams between releases, and a hash keeps most images in
their split when a data set grows.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def assign(
    labels: NDArray[np.int64],
    ids: Iterable[str],
    units: NDArray[np.int64],
    fractions: Sequence[float],
    seed: int,
) -> NDArray[np.int64]:
    """Deal images to train, val and test, or to as many parts as there are fractions.

    Args:
        labels: class indices (N,).
        units: (N,) numbers; images with the same number stay together.
        fractions: wanted shares of the parts, for example of train, val and test; need not sum to one.

    Returns:
        (N,) positions in `fractions`. Each class comes within one unit of its share in every split, and
        has at least one unit in every wanted split where it has as many units as wanted splits.
    """
    shares = np.array(fractions, float) / sum(fractions)
    order = hashed_order(ids, len(labels), seed)
    result = np.full(len(labels), -1, np.int64)
    counts = np.zeros((int(labels.max(initial=-1)) + 1, len(shares)))
    totals = np.bincount(labels, minlength=len(counts))
    targets = _targets(totals, shares)
    sizes = np.bincount(units)[units] if len(units) else units
    # Large units first, while every split still has room for them; images that stand alone fill up.
    for members in _units_of_several(units, sizes, order):
        members_labels, amounts = np.unique(labels[members], return_counts=True)
        deficit = targets[members_labels] - counts[members_labels]
        relative = (np.clip(deficit, -amounts[:, None], None) / np.maximum(targets[members_labels], 1)).sum(0)
        relative[shares == 0] = -np.inf
        chosen = int(np.argmax(relative))
        result[members] = chosen
        counts[members_labels, chosen] += amounts
    alone = order[sizes[order] == 1]
    for label in np.unique(labels[alone]):
        of_class = alone[labels[alone] == label]
        result[of_class] = np.repeat(np.arange(len(shares)), _fill(targets[label] - counts[label], len(of_class)))
    return result


def _targets(totals: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """(classes, splits) whole numbers with the rows' sums `totals`, as near the shares as can be."""
    exact = totals[:, None] * shares
    targets = np.floor(exact).astype(np.int64)
    wanted = np.flatnonzero(shares > 0)
    for row in range(len(totals)):
        remainder = exact[row] - targets[row]
        for split in np.argsort(-remainder, kind="stable")[: totals[row] - targets[row].sum()]:
            targets[row, split] += 1
        for split in wanted[: totals[row]]:
            if targets[row, split] == 0:
                targets[row, np.argmax(targets[row])] -= 1
                targets[row, split] += 1
    return targets


def _fill(deficit: NDArray[np.float64], available: int) -> NDArray[np.int64]:
    """How many of `available` go to each split: the deficits, cut or filled up in proportion."""
    amounts = np.clip(deficit, 0, None).astype(np.int64)
    excess = int(amounts.sum()) - available
    while excess > 0:
        largest = int(np.argmax(amounts))
        amounts[largest] -= 1
        excess -= 1
    amounts[0] -= excess
    return amounts


def hashed_order(ids: Iterable[str], count: int, seed: int) -> NDArray[np.int64]:
    """Positions (count,) in the order of a hash of the seed and the id."""
    keys = np.empty(count, np.uint64)
    for position, name in enumerate(ids):
        digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
        keys[position] = int.from_bytes(digest, "big")
    return np.argsort(keys, kind="stable").astype(np.int64)


def _units_of_several(
    units: NDArray[np.int64], sizes: NDArray[np.int64], order: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Members of each unit of two images or more, the largest unit first, then in hashed order."""
    several = order[sizes[order] > 1]
    if not len(several):
        return []
    rank = np.empty(len(units), np.int64)
    rank[order] = np.arange(len(order))
    grouped = several[np.argsort(units[several], kind="stable")]
    members = np.split(grouped, np.flatnonzero(np.diff(units[grouped])) + 1)
    return sorted(members, key=lambda of_unit: (-len(of_unit), int(rank[of_unit].min())))
