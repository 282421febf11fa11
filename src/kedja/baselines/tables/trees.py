"""Fitted decision trees as plain arrays: stored, walked and written as a graph alike, whoever grew them.

The trees of scikit-learn hold compiled objects, which no file of data alone can hold.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAF = -1
# Categories that a split can tell apart, as scikit-learn's bins allow it; their codes are bits of four words.
MOST_CATEGORIES = 255
WORDS = 4
BITS = 64 * WORDS
# Rows that are walked at once: all trees of them fit into the processor's cache.
_CHUNK = 256


@dataclass
class Trees:
    """Nodes of all trees, one behind the other; a child stands behind its parent.

    Attributes:
        roots: int64 (trees,), the first node of each.
        targets: int64 (trees,), which output each adds to.
        feature: int64 (nodes,), or `LEAF`.
        threshold: float64 (nodes,); a number up to it goes left.
        left, right: int64 (nodes,).
        missing_left: bool (nodes,), where NaN goes.
        members: uint64 (nodes, WORDS); of a split by category, the codes that go left.
        by_category: bool (nodes,).
        value: float64 (nodes,), of leaves.
    """

    roots: NDArray[np.int64]
    targets: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    members: NDArray[np.uint64]
    by_category: NDArray[np.bool_]
    value: NDArray[np.float64]

    def sums(self, x: NDArray[np.float64], outputs: int) -> NDArray[np.float64]:
        """The leaves' values added up: float64 (N, features) → (N, outputs); NaN is missing, also as a category."""
        found = np.zeros((len(x), outputs))
        for start in range(0, len(x), _CHUNK):
            values = self.value[self._leaves(x[start : start + _CHUNK])]
            for output in range(outputs):
                found[start : start + _CHUNK, output] = values[:, self.targets == output].sum(axis=1)
        return found

    def codes_left(self, node: Any) -> list[int]:
        """The categories that go left at a node."""
        bits = np.unpackbits(self.members[node].view(np.uint8), bitorder="little")
        found: list[int] = np.flatnonzero(bits).tolist()
        return found

    def check(self, features: int, outputs: int) -> None:
        """Refuse arrays that do not fit each other, whoever wrote them; raises `ValueError`."""
        nodes = len(self.feature)
        inner = self.feature != LEAF
        places = np.arange(nodes)[inner]
        shapes = [np.shape(getattr(self, one.name)) for one in fields(self)]
        wanted = [self.roots.shape, self.roots.shape, *[(nodes,)] * 5, (nodes, WORDS), (nodes,), (nodes,)]
        if shapes != wanted or not (((self.roots >= 0) & (self.roots < nodes)).all() and nodes):
            raise ValueError("the trees' arrays do not fit each other")
        for children in (self.left[inner], self.right[inner]):
            # A child comes after its parent: no walk goes round in circles.
            if not ((children > places) & (children < nodes)).all():
                raise ValueError("a tree's branches lead nowhere")
        if not ((self.feature >= LEAF) & (self.feature < features)).all():
            raise ValueError("a tree asks for a column that there is not")
        if not ((self.targets >= 0) & (self.targets < outputs)).all():
            raise ValueError("a tree adds to an output that there is not")

    def _leaves(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """(N, trees): where each row ends in each tree; all walks take their steps together."""
        trees = len(self.roots)
        node = np.tile(self.roots, len(x))
        walks = np.arange(len(node))
        while True:
            at = node[walks]
            inner = self.feature[at] != LEAF
            walks, at = walks[inner], at[inner]
            if not len(walks):
                return node.reshape(len(x), trees)
            values = x[walks // trees, self.feature[at]]
            missing = np.isnan(values)
            goes_left = np.where(missing, self.missing_left[at], values <= self.threshold[at])
            choosing = np.flatnonzero(self.by_category[at] & ~missing)
            if len(choosing):
                code = values[choosing].astype(np.uint64)
                word = self.members[at[choosing], (code // 64).astype(np.int64)]
                goes_left[choosing] = (word >> (code % np.uint64(64))) & np.uint64(1) == 1
            node[walks] = np.where(goes_left, self.left[at], self.right[at])


def split_at_least_once(tree: Trees) -> Trees:
    """The same tree; one that is but a leaf gets a split whose two sides are that leaf, since a graph has no other."""
    if len(tree.feature) > 1:
        return tree
    twice = np.zeros(3, np.int64)
    return Trees(
        tree.roots,
        tree.targets,
        np.array([0, LEAF, LEAF]),
        np.zeros(3),
        np.array([1, 0, 0]),
        np.array([2, 0, 0]),
        np.zeros(3, np.bool_),
        np.zeros((3, WORDS), np.uint64),
        np.zeros(3, np.bool_),
        tree.value[twice],
    )


def joined(parts: list[Trees], share: float = 1.0) -> Trees:
    """All trees as one; each leaf's value times `share`."""
    parts = [split_at_least_once(part) for part in parts]
    starts = np.cumsum([0, *(len(part.feature) for part in parts[:-1])])
    moved: dict[str, Any] = {}
    for one in fields(Trees):
        arrays = [getattr(part, one.name) for part in parts]
        if one.name in ("roots", "left", "right"):
            arrays = [array + start for array, start in zip(arrays, starts, strict=True)]
        moved[one.name] = np.concatenate(arrays)
    moved["value"] = moved["value"] * share
    return Trees(**moved)
