"""What a solved layer gets of photographs of another shoot: those that look like training images are kept apart."""

import numpy as np
from numpy.typing import NDArray

from kedja.data.prepared import PreparedDataset
from kedja.data.splits.assign import assign
from kedja.data.splits.shoots import by_look
from kedja.training.probe.linear import fit

SHARES = (0.8, 0.2)
# Fewer photographs say nothing; a smaller difference may be luck.
LEAST, GAP = 20, 0.03


def remark(
    data: PreparedDataset, positions: NDArray[np.int64], features: NDArray[np.float32], strength: float, accuracy: float
) -> str:
    """A line where the validation figure flatters; empty where it does not.

    Args:
        positions: of all images that train or validate, with their `features`.
        strength: of the layer, see `kedja.training.probe.linear`.
        accuracy: of the run's own validation.
    """
    if data.kind != "image" or data.stored.experiments()[0] != "photos":
        return ""
    labels = data.labels[positions]
    units = by_look(labels, features)
    dealt = assign(labels, (data.ids[i] for i in positions), units, SHARES, seed=0)
    train, held = dealt == 0, dealt == 1
    if held.sum() < LEAST or len(np.unique(labels[train])) < len(np.unique(labels)):
        return ""
    layer = fit(features[train], labels[train], len(data.classes), strength)
    apart = float((layer(features[held]).argmax(1) == labels[held]).mean())
    if accuracy - apart <= GAP:
        return ""
    return (
        f"note: {accuracy:.1%} of the validation images are right, and about {apart:.1%} where photographs that look "
        "as if taken in one go are kept apart, which is nearer to what new ones bring; `just data … shoots=look` deals "
        "them so"
    )
