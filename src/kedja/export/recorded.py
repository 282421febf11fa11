"""Check that the model about to be exported still answers as it did when its training ended.

Weights alone do not say what a network computes: its definition, the libraries under it and the preparation of the
examples may have changed since. What the run recorded of itself, `validation.npz`, tells.
"""

from pathlib import Path

import numpy as np

from kedja.common.errors import KedjaError
from kedja.common.npz import read_arrays
from kedja.data.prepared import PreparedDataset
from kedja.frameworks.framework import Runner
from kedja.frameworks.known import spread
from kedja.runs.folder import VALIDATION

COMPARED_IMAGES = 64
# Of the largest logit. The answers may come from a GPU, whose convolutions round inputs to ten bits; another
# network is off by far more.
TOLERANCE = 2e-2


def check_recorded(run: Path, dataset: PreparedDataset, reference: Runner) -> float:
    """Compare `reference` with what the run recorded on validation examples; returns the largest difference of a logit.

    Args:
        reference: the run's model, rebuilt; a feed → (logits, probabilities) float32 (N, classes).

    Raises:
        KedjaError: it answers otherwise, or the record is missing or damaged or of other images.
    """
    record = run / VALIDATION
    ids, recorded = read_arrays(record, "ids", "logits", remedy="run its training again")
    if recorded.shape[1:] != (len(dataset.classes),):
        raise KedjaError(f"{record} has not {len(dataset.classes)} answers an example", "run its training again")
    chosen = spread(np.arange(len(ids)), COMPARED_IMAGES)
    positions = {name: position for position, name in enumerate(dataset.ids)}
    try:
        feed = dataset.read(np.array([positions[str(ids[index])] for index in chosen]))
    except KeyError as missing:
        raise KedjaError(
            f"{record} speaks of {dataset.input.noun} {missing}, which {dataset.folder}/ does not hold",
            "check out the data the run was trained on",
        ) from None
    logits, _ = reference(feed)
    difference = float(np.abs(logits - recorded[chosen]).max())
    if not difference <= TOLERANCE * max(1.0, float(np.abs(recorded[chosen]).max())):
        raise KedjaError(
            f"{run} does not answer as it did when its training ended: a logit differs by {difference:.2g}",
            "the network's code or a library has changed since; go back to the commit in its provenance.json, "
            "or train it again",
        )
    return difference
