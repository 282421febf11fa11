"""`drift.json`: how the training examples, and the model's answers to examples it was not fitted to, are distributed.

What is served is counted in the same bins, and the two histograms are compared.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Values
from kedja.bundle.known import FAMILIARITY
from kedja.bundle.validate import check_types
from kedja.common.errors import KedjaError
from kedja.common.files import read_json, write_json

SCHEMA_VERSION = 1
REFERENCE = "drift.json"
CLASS = "class"
# Chance moves the index by as much for every bin: what is rarer is counted together.
MOST_CLASSES = 20

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """How often a feature fell where.

    Attributes:
        name: of the feature, see `kedja.bundle.inputs.input.Input.features`.
        edges: ascending; bin i holds values above ``edges[i - 1]`` up to and with ``edges[i]``, the first and the last
            are open. Empty for the feature ``class``.
        classes: for the feature ``class``, positions of those that have a bin of their own, in order; a last bin
            holds all others where there are any.
        counts: examples in each bin.
    """

    name: str
    counts: list[int]
    edges: list[float]
    classes: list[int]

    def __post_init__(self) -> None:
        numbers = np.array([*self.edges, *self.counts, *self.classes], np.float64)
        if not np.isfinite(numbers).all() or min(self.counts, default=0) < 0:
            raise KedjaError(f"the histogram of {self.name} holds what is no count or no edge")
        bins = {len(self.classes), len(self.classes) + 1} if self.name == CLASS else {len(self.edges) + 1}
        if len(set(self.classes)) != len(self.classes) or (self.classes and self.name != CLASS):
            raise KedjaError(f"the histogram of {self.name} has classes where it should not, or one twice")
        if len(self.counts) not in bins or np.any(np.diff(self.edges) <= 0):
            raise KedjaError(f"the histogram of {self.name} has {len(self.counts)} counts that do not fit its bins")

    def count(self, values: NDArray[np.float64]) -> Counts:
        """Values (N,) in each of this histogram's bins; NaN is in none."""
        known = values[~np.isnan(values)]
        if self.name == CLASS:
            # One that has no bin of its own stands behind them all.
            matches = known[:, None] == np.array(self.classes, np.float64)
            places = np.where(matches.any(axis=1), matches.argmax(axis=1), len(self.classes))
        else:
            places = np.searchsorted(self.edges, known, side="left")
        return np.bincount(places, minlength=len(self.counts))


@dataclass(frozen=True)
class Reference:
    """The histograms that a bundle brings along."""

    features: list[Histogram]
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise KedjaError(
                f"{REFERENCE} has schema version {self.schema_version}, this code reads {SCHEMA_VERSION}",
                "export the model again, or use the matching release of kedja",
            )

    @property
    def bins(self) -> int:
        """Of all features together."""
        return sum(len(histogram.counts) for histogram in self.features)

    def count(self, values: Values) -> Counts:
        """Values by feature → counts (bins,), feature after feature; one that has no values has zeros."""
        nothing = np.empty(0)
        return np.concatenate([histogram.count(values.get(histogram.name, nothing)) for histogram in self.features])

    def split(self, counts: Counts) -> list[Counts]:
        """What `count` gave, or a sum of it, by feature."""
        ends = np.cumsum([len(histogram.counts) for histogram in self.features])
        return np.split(counts, ends[:-1])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def of_answers(probabilities: NDArray[np.float32], familiarity: NDArray[np.float32] | None = None) -> Values:
    """``class``, the position of the most probable, and ``confidence``, its probability, of float32 (N, classes).

    And ``familiarity``, where the graph gives it (see `kedja.bundle.known`).
    """
    values = {
        "class": probabilities.argmax(axis=1).astype(np.float64),
        "confidence": probabilities.max(axis=1).astype(np.float64),
    }
    return values if familiarity is None else values | {FAMILIARITY: familiarity.astype(np.float64)}


def class_bins(classes: NDArray[np.float64], number: int) -> list[int]:
    """Which of `number` classes get a bin of their own: all, or those that were predicted most."""
    often = np.bincount(classes.astype(np.int64), minlength=number)
    return sorted(np.argsort(-often, kind="stable")[:MOST_CLASSES].tolist())


def tenths(values: NDArray[np.float64]) -> list[float]:
    """Edges that part the values into tenths; a value that fills a tenth by itself gets a bin of its own, NaN none."""
    known = values[~np.isnan(values)]
    if not len(known):
        return []
    cuts = np.quantile(known, np.linspace(0.1, 0.9, 9), method="inverted_cdf")
    found, times = np.unique(cuts, return_counts=True)
    below = np.nextafter(found[times > 1], -np.inf)
    return [float(edge) for edge in np.unique([*found, *below])]


def save(bundle: Path, reference: Reference) -> None:
    """Write `drift.json` into a bundle, before its files are hashed."""
    write_json(bundle / REFERENCE, reference.to_json())


def load(bundle: Path, files: Iterable[str], classes: int) -> Reference | None:
    """The reference of a bundle whose metadata names these files and so many classes; None where it has none.

    Raises:
        KedjaError: it is damaged, or of another version.
    """
    if REFERENCE not in files:
        return None
    path = bundle / REFERENCE
    value = read_json(path)
    try:
        check_types(value, Reference, "reference")
        features = [Histogram(**entry) for entry in value["features"]]
        _check_classes(features, classes)
        return Reference(**{**value, "features": features})
    except KedjaError as error:
        raise KedjaError(f"{path}: {error.problem}", error.remedy or "export again with `just export`") from None


def _check_classes(features: list[Histogram], classes: int) -> None:
    for histogram in features:
        if not set(histogram.classes) <= set(range(classes)):
            raise KedjaError(f"the histogram of {histogram.name} counts classes that the model does not have")
