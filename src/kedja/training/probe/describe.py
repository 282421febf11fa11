"""What photographs look like to the network that comes with the lock, before there is a data set or a run."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.progress import Progress
from kedja.training.config.schema import ModelConfig
from kedja.training.models.registry import build
from kedja.training.models.weights.initial import initialise
from kedja.training.probe.frozen import Frozen

CHUNK = 64
# The network is made with as many, which matter to nobody.
CLASSES = 2


def describe(
    read: Callable[[NDArray[np.int64]], NDArray[np.uint8]], positions: NDArray[np.int64], spec: ImageSpec
) -> NDArray[np.float32]:
    """float32 (n, D) of the images at `positions`, which `read` gives as uint8 (m, H, W, C)."""
    config = ModelConfig("efficientnet_lite0", pretrained=True)
    with torch.random.fork_rng(devices=[]):
        classifier = build(config, CLASSES, spec, [0.5] * spec.channels, [0.5] * spec.channels)
        initialise(classifier.body, config, lambda line: None)
        frozen = Frozen(classifier, CLASSES, spec.shape)
    parts = []
    with Progress("looking for shoots", len(positions)) as progress:
        for start in range(0, len(positions), CHUNK):
            rows = positions[start : start + CHUNK]
            parts.append(frozen(read(rows)))
            progress.advance(len(rows))
    return np.concatenate(parts)
