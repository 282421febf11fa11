"""Which columns a model's answers hang on, and how: permutation importance and partial dependence.

L. Breiman, "Random Forests", Machine Learning 45 (2001), section 10; J. Friedman, "Greedy Function Approximation: A
Gradient Boosting Machine", Annals of Statistics 29 (2001), section 8.2.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed
from kedja.bundle.inputs.table.column import Column
from kedja.bundle.inputs.table.spec import CODES, NUMBERS, TableInput

# → probabilities (N, classes)
Answer = Callable[[Feed], NDArray[np.floating[Any]]]
REPEATS = 5
MOST_ROWS, ROWS_OF_A_CURVE = 2000, 500
CURVES, POINTS = 6, 12


def effects(expected: TableInput, feed: Feed, labels: NDArray[np.int64], answer: Answer) -> dict[str, Any]:
    """``importance``: by column the loss of accuracy, and the rise of the log loss, when its cells are shuffled, with
    the least and the most of 5 shuffles; ``curves``: of the most important, mean probabilities by value.
    """
    every = len(labels)
    some = np.arange(0, every, max(1, -(-every // MOST_ROWS)))
    feed, labels = {name: array[some] for name, array in feed.items()}, labels[some]
    right, loss = _score(answer(feed), labels)
    importance: list[dict[str, Any]] = []
    for column, name, place in _places(expected):
        shuffled = [_score(answer(_shuffled(feed, name, place, seed)), labels) for seed in range(REPEATS)]
        lost = [right - one for one, _ in shuffled]
        importance.append(
            {
                "column": column.name,
                "accuracy": float(np.mean(lost)),
                "low": float(min(lost)),
                "high": float(max(lost)),
                "loss": float(np.mean([one - loss for _, one in shuffled])),
            }
        )
    importance.sort(key=lambda one: -one["loss"])
    leading = [one["column"] for one in importance[:CURVES]]
    base = {name: array[:ROWS_OF_A_CURVE] for name, array in feed.items()}
    by_name = {
        column.name: _curve(column, name, place, base, answer)
        for column, name, place in _places(expected)
        if column.name in leading
    }
    return {"rows": len(labels), "importance": importance, "curves": [by_name[name] for name in leading]}


def _places(expected: TableInput) -> list[tuple[Column, str, int]]:
    """Every column with its tensor and its place there."""
    numeric = [(column, NUMBERS, place) for place, column in enumerate(expected.numeric)]
    return numeric + [(column, CODES, place) for place, column in enumerate(expected.coded)]


def _shuffled(feed: Feed, name: str, place: int, seed: int) -> Feed:
    array = feed[name].copy()
    array[:, place] = np.random.default_rng(seed).permutation(array[:, place])
    return feed | {name: array}


def _curve(column: Column, name: str, place: int, feed: Feed, answer: Answer) -> dict[str, Any]:
    values = feed[name][:, place]
    if column.is_number:
        known = values[~np.isnan(values)]
        points = (
            np.unique(np.quantile(known, np.linspace(0.02, 0.98, POINTS), method="nearest")) if len(known) else known
        )
    else:
        points = np.arange(min(POINTS, len(column.categories)))
    means = []
    for point in points:
        array = feed[name].copy()
        array[:, place] = point
        means.append(answer(feed | {name: array}).mean(axis=0).tolist())
    said = [column.to_value(point) for point in points.tolist()]
    return {
        "column": column.name,
        "number": column.is_number,
        "values": said,
        "points": points.tolist(),
        "means": means,
    }


def _score(probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Accuracy and log loss."""
    given = np.clip(probabilities[np.arange(len(labels)), labels].astype(np.float64), 1e-7, 1)
    return float((probabilities.argmax(axis=1) == labels).mean()), float(-np.log(given).mean())
