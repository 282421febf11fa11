"""Which images must stay on one side of a split: connected components of "the same as" relations."""

import numpy as np
from numpy.typing import NDArray


def connect(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the connected components of `count` images.

    Args:
        pairs: (M, 2) positions that belong together.

    Returns:
        (count,) numbers; the number of a component is the position of its first image.
    """
    if not len(pairs):
        return np.arange(count, dtype=np.int64)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(pairs), np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    components = connected_components(graph, directed=False)[1]
    first = np.full(int(components.max()) + 1, count, np.int64)
    np.minimum.at(first, components, np.arange(count))
    result: NDArray[np.int64] = first[components]
    return result


def equal_pairs(keys: NDArray[np.generic]) -> NDArray[np.int64]:
    """(M, 2) neighbours among images with equal keys: enough to connect each group."""
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    return np.stack([order[same], order[same + 1]], axis=1).astype(np.int64)
