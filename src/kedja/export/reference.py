"""The reference of `kedja.bundle.reference`, measured on the images of a data set."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kedja.bundle import features
from kedja.bundle.features import Values
from kedja.bundle.preprocess import examine
from kedja.bundle.reference import CLASS, Histogram, Reference, class_bins, tenths
from kedja.data.prepared import PreparedDataset
from kedja.export.samples import spread
from kedja.frameworks.framework import Runner

# Chance in the reference is then a tenth of what chance does among a few hundred served images.
REFERENCE_IMAGES = 2000
# A good model answers most images with nearly 1, and no tenth of them would mean anything there.
CONFIDENCE_EDGES = [0.5, 0.8, 0.9, 0.95, 0.99]
_BATCH = 64


def measure(dataset: PreparedDataset, runner: Runner) -> Reference:
    """Images and predicted classes of the training split, confidence of the validation split.

    On images that it was fitted to, a model is surer than it will be of any others.

    Args:
        runner: what is served; uint8 (N, H, W, C) → (logits, probabilities).
    """
    training = _values(dataset, spread(dataset.split("train"), REFERENCE_IMAGES), runner)
    validation = _values(dataset, spread(dataset.split("val"), REFERENCE_IMAGES), runner)
    return reference({**training, "confidence": validation["confidence"]}, len(dataset.classes))


def reference(values: Values, classes: int) -> Reference:
    """Every feature's histogram, in bins made for it; `classes` is how many the model knows."""
    return Reference([_histogram(name, values[name], classes) for name in values])


def _histogram(name: str, values: NDArray[np.float64], classes: int) -> Histogram:
    if name == CLASS:
        own = class_bins(values, classes)
        edges, bins = [], len(own) + (classes > len(own))
    else:
        own, edges = [], CONFIDENCE_EDGES if name == "confidence" else tenths(values)
        bins = len(edges) + 1
    empty = Histogram(name, [0] * bins, edges, own)
    return Histogram(name, empty.count(values).tolist(), edges, own)


def _values(dataset: PreparedDataset, indices: NDArray[np.int64], runner: Runner) -> Values:
    batches = list(_batches(dataset, indices, runner))
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _batches(dataset: PreparedDataset, indices: NDArray[np.int64], runner: Runner) -> Iterator[Values]:
    for start in range(0, len(indices), _BATCH):
        images, sizes = _images(dataset, indices[start : start + _BATCH])
        _, probabilities = runner(images)
        yield features.of_pixels(images) | features.of_sizes(sizes) | features.of_answers(probabilities)


def _images(dataset: PreparedDataset, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Pixels uint8 (N, H, W, C), and the sizes of the originals float64 (N, 2)."""
    if dataset.images is not None:
        return np.asarray(dataset.images[indices]), dataset.sizes[indices]
    examined = [examine(dataset.encoded(int(index)), dataset.spec) for index in indices]
    sizes = np.array([(one.width, one.height) for one in examined], np.float64)
    return np.stack([one.pixels for one in examined]), sizes
