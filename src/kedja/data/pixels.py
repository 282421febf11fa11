"""Pixels of a prepared data set, whichever way they are stored."""

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.preprocess import preprocess
from kedja.data.prepared import PreparedDataset


def read_pixels(data: PreparedDataset, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
    """uint8 (n, H, W, C) of the images at `positions`."""
    if data.images is not None:
        return np.asarray(data.images[positions])
    decoded = [preprocess(data.encoded(int(position)), data.spec) for position in positions]
    return np.stack(decoded) if decoded else np.empty((0, *data.spec.shape), np.uint8)
