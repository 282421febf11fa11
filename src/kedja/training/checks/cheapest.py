"""What the cheapest model gets: below it, a network has learnt nothing that counts."""

import numpy as np
from numpy.typing import NDArray

from kedja.data.prepared import PreparedDataset

# Evenly spread over the split: means and shares need no more.
MOST = 2000


def nearest_mean(data: PreparedDataset) -> float:
    """The share of the validation split whose class has the nearest mean small picture; 0 where there are none."""
    train, val = (_some(data.split(split)) for split in ("train", "val"))
    if not len(val):
        return 0.0
    # Asked for at once: what is small may be chosen by the examples themselves.
    small = data.stored.small(np.concatenate([train, val]))
    if small is None:
        return 0.0
    pictures, others = small[: len(train)], small[len(train) :]
    labels = data.labels[train]
    known = np.unique(labels)
    means = np.stack([pictures[labels == label].mean(0) for label in known])
    distances = (means**2).sum(1) - 2 * others @ means.T
    return float((known[distances.argmin(1)] == data.labels[val]).mean())


def _some(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    step = -(-len(positions) // MOST) if len(positions) else 1
    return positions[::step]
