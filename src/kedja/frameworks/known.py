"""When a model knows what it is shown: its score is chosen, appended to its graph, and measured.

The threshold comes from the validation split alone. What the model is measured against are examples of other data sets.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed, InputError
from kedja.bundle.known import FAMILIARITY, Against
from kedja.common.errors import KedjaError
from kedja.common.intervals import area_interval
from kedja.data.prepared import PreparedDataset
from kedja.frameworks.graphs import surgery
from kedja.frameworks.graphs.familiarity import MOST_FEATURES, Score, largest_logit, subspace, without_distance

# Enough for a distance and a threshold, few enough for a minute.
TRAINING_EXAMPLES, VALIDATION_EXAMPLES = 3000, 2000
_BATCH = 64

Familiarity = Callable[[Feed], NDArray[np.float32]]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A graph with its score.

    Attributes:
        score: what was appended.
        familiarity: how the graph scores a feed.
        scores: of the validation examples.
        threshold: from which score on an example is known.
    """

    score: Score
    familiarity: Familiarity
    scores: Scores
    threshold: float
    against: list[Against]


def measure(
    path: Path, dataset: PreparedDataset, others: Mapping[str, Sequence[bytes]], false_alarms: float
) -> Measured:
    """Give the graph in the file its score, and measure that; the validation split is large enough."""
    score = choose_score(onnx.load(str(path)), dataset)
    familiarity, scores, least = apply(score, path, dataset, false_alarms)
    return Measured(score, familiarity, scores, least, against(scores, others, dataset, familiarity, least))


def apply(score: Score, path: Path, dataset: PreparedDataset, false_alarms: float) -> tuple[Familiarity, Scores, float]:
    """Append the score to the graph in the file: how it scores a feed, the validation split, and the threshold."""
    familiarity = add_familiarity(path, score)
    scores = scores_of(dataset, spread(dataset.split("val"), VALIDATION_EXAMPLES), familiarity)
    return familiarity, scores, threshold(scores, false_alarms)


def choose_score(model: onnx.ModelProto, dataset: PreparedDataset) -> Score:
    """With the distance of the model's features, fitted on training examples, where it has any to look at."""
    source = surgery.features_of(model)
    if source is None:
        return largest_logit()
    looked_at = onnx.ModelProto()
    looked_at.CopyFrom(model)
    surgery.add_output(looked_at, source)
    run = surgery.outputs(looked_at, source, "logits")
    positions = spread(dataset.split("train"), TRAINING_EXAMPLES)
    _, *width = run(dataset.read(positions[:1]))[0].shape
    if len(width) != 1 or width[0] > MOST_FEATURES:
        return largest_logit()
    training, _ = _answers(run, dataset, positions)
    validation, logits = _answers(run, dataset, spread(dataset.split("val"), VALIDATION_EXAMPLES))
    return without_distance(subspace(training), validation, logits, surgery.dtype_of(model, source))


def _answers(run: surgery.Outputs, dataset: PreparedDataset, positions: NDArray[np.int64]) -> list[NDArray[Any]]:
    """Each output for the examples at `positions`, in no particular order."""
    parts = [run(dataset.read(rows)) for rows in in_batches(dataset.stored.by_size(positions))]
    return [np.concatenate(found) for found in zip(*parts, strict=True)]


def add_familiarity(path: Path, score: Score) -> Familiarity:
    """Give the graph in the file its output `familiarity`; returns the file's answers with it."""
    model = onnx.load(str(path))
    score.append(model)
    surgery.write(model, path)
    run = surgery.outputs(path, FAMILIARITY)
    return lambda feed: run(feed)[0]


def scores_of(dataset: PreparedDataset, positions: NDArray[np.int64], familiarity: Familiarity) -> Scores:
    """float64 (N,), in no particular order."""
    parts = [familiarity(dataset.read(rows)) for rows in in_batches(dataset.stored.by_size(positions))]
    return np.concatenate([*parts, np.empty(0)]).astype(np.float64)


def threshold(scores: Scores, false_alarms: float) -> float:
    """From which score on an example is known; there are at least 1 / `false_alarms` - 1 scores.

    Of new examples of the same distribution at most `false_alarms` are expected below it, as by split conformal
    prediction (Vovk et al. 2005): of N scores and the new one, each is as likely to be among the lowest.
    """
    # A share is seldom a binary fraction: 0.07 of 100 is 7.
    lowest = int(false_alarms * (len(scores) + 1) + 1e-9)
    return float(np.sort(scores)[lowest - 1])


def against(
    known: Scores,
    others: Mapping[str, Sequence[bytes]],
    dataset: PreparedDataset,
    familiarity: Familiarity,
    least: float,
) -> list[Against]:
    """The score of validation examples against those of other examples, by name of where they come from."""
    found = []
    for name, files in others.items():
        examples = [example for data in files if (example := _decoded(dataset, data)) is not None]
        if not examples:
            continue
        batches = (examples[start : start + _BATCH] for start in range(0, len(examples), _BATCH))
        scores = np.concatenate([familiarity(dataset.input.collate(batch)) for batch in batches]).astype(np.float64)
        area = area_under_curve(known, scores)
        low, high = area_interval(area, len(known), len(scores))
        found.append(Against(name, len(scores), area, low, high, float((scores < least).mean())))
    return found


def area_under_curve(high: Scores, low: Scores) -> float:
    """Chance that one of `high` is above one of `low`, ties counting half."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / 2 / len(low))


def strangers(
    dataset: PreparedDataset, named: Sequence[PreparedDataset] = (), most: int = 300
) -> dict[str, Sequence[bytes]]:
    """Examples that are none of the data set's: those that its kind has at hand, and of other data sets.

    Raises:
        KedjaError: one of those named is of another kind.
    """
    found = dict(dataset.stored.strangers())
    for other in named:
        if other.input.kind != dataset.input.kind:
            raise KedjaError(
                f"{other.name} holds {other.input.nouns}, {dataset.name} {dataset.input.nouns}",
                "leave it out of against=",
            )
        found[other.name] = [other.encoded(int(row)) for row in spread(other.split("val"), most)]
    return found


def spread(indices: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` of `indices`, evenly spread over them, in order."""
    return indices[np.linspace(0, len(indices) - 1, min(most, len(indices))).astype(np.int64)]


def in_batches(positions: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [positions[start : start + _BATCH] for start in range(0, len(positions), _BATCH)]


def _decoded(dataset: PreparedDataset, data: bytes) -> object | None:
    """None for what the data set's kind refuses, for example a text without a word."""
    try:
        example: object = dataset.input.decode(data)
    except InputError:
        return None
    return example
