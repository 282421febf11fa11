"""The reference of `kedja.bundle.reference`, measured on the examples of a data set."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Values
from kedja.bundle.known import FAMILIARITY
from kedja.bundle.reference import CLASS, Histogram, Reference, class_bins, of_answers, tenths
from kedja.data.prepared import PreparedDataset
from kedja.frameworks.framework import Runner
from kedja.frameworks.known import Familiarity, scores_of, spread

# Chance in the reference is then a tenth of what chance does among a few hundred served images.
REFERENCE_IMAGES = 2000
# A good model answers most examples with nearly 1, and no tenth of them would mean anything there.
CONFIDENCE_EDGES = [0.5, 0.8, 0.9, 0.95, 0.99]
_BATCH = 64


def measure(dataset: PreparedDataset, runner: Runner, familiarity: Familiarity | None = None) -> Reference:
    """Examples and predicted classes of the training split, confidence and familiarity of the validation split.

    On examples that it was fitted to, a model is surer than it will be of any others.

    Args:
        runner: what is served; a feed → (logits, probabilities).
        familiarity: how it scores a feed, where it does.
    """
    training = _values(dataset, spread(dataset.split("train"), REFERENCE_IMAGES), runner)
    validation = _values(dataset, spread(dataset.split("val"), REFERENCE_IMAGES), runner)
    values = {**training, "confidence": validation["confidence"]}
    if familiarity:
        positions = spread(dataset.split("val"), REFERENCE_IMAGES)
        values[FAMILIARITY] = scores_of(dataset, positions, familiarity)
    return reference(values, len(dataset.classes))


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
    ordered = dataset.stored.by_size(indices)
    for start in range(0, len(ordered), _BATCH):
        positions = ordered[start : start + _BATCH]
        feed = dataset.read(positions)
        _, probabilities = runner(feed)
        yield dataset.input.features(feed) | dataset.stored.facts(positions) | of_answers(probabilities)
