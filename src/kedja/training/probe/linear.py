"""Logistic regression on features, from the strongest regularisation to the weakest."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Inverse strength of the L2 penalty on standardised features, as scikit-learn counts it: from a line through a few
# images to one that follows every image.
STRONGEST, WEAKEST = 1e-4, 1.0
# Rows beyond which half the digits do, in half the time.
MANY = 5000
# A class that has no training image never wins.
NEVER = -30.0


@dataclass(frozen=True)
class Linear:
    """`weight` float64 (classes, D) and `bias` float64 (classes,): logits = features · weightᵀ + bias."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        logits: NDArray[np.float64] = features.astype(np.float64) @ self.weight.T + self.bias
        return logits


def strengths(count: int) -> list[float]:
    """`count` inverse strengths, evenly spread over their logarithms; of one, the middle."""
    if count == 1:
        return [float(np.sqrt(STRONGEST * WEAKEST))]
    return [float(value) for value in np.geomspace(STRONGEST, WEAKEST, count)]


def path(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    count: int,
    *,
    balanced: bool = False,
    copies: int = 1,
) -> Iterator[Linear]:
    """A solution for each of `strengths(count)`, each begun where the last one ended.

    Args:
        balanced: rare classes count more, in inverse proportion.
        copies: rows an image, which count as one in the balance with the penalty.
    """
    tried = [strength / copies for strength in strengths(count)]
    return _solutions(features, labels, classes, tried, balanced=balanced)


def _solutions(
    features: NDArray[np.float32], labels: NDArray[np.int64], classes: int, tried: list[float], *, balanced: bool
) -> Iterator[Linear]:
    from sklearn.linear_model import LogisticRegression

    mean, std = features.mean(0, dtype=np.float64), np.maximum(features.std(0, dtype=np.float64), 1e-6)
    scaled = (features - mean) / std
    if len(scaled) > MANY:
        scaled = scaled.astype(np.float32)
    model = LogisticRegression(warm_start=True, max_iter=300, tol=1e-4, class_weight="balanced" if balanced else None)
    for strength in tried:
        model.C = strength
        with warnings.catch_warnings():
            # Weak penalties on few images take long to the last digit, which nobody needs.
            warnings.simplefilter("ignore")
            model.fit(scaled, labels)
        yield _unscaled(model, classes, mean, std)


def fit(features: NDArray[np.float32], labels: NDArray[np.int64], classes: int, strength: float) -> Linear:
    """The solution of one strength."""
    return next(_solutions(features, labels, classes, [strength], balanced=False))


def _unscaled(model: Any, classes: int, mean: NDArray[np.float64], std: NDArray[np.float64]) -> Linear:
    """The same function of features as they are, with a row for every class."""
    known, coefficients, intercepts = model.classes_, model.coef_, model.intercept_
    if len(known) == 2:  # one row for both
        coefficients = np.vstack([-coefficients, coefficients]) / 2
        intercepts = np.hstack([-intercepts, intercepts]) / 2
    weight, bias = np.zeros((classes, len(mean))), np.full(classes, NEVER)
    weight[known] = coefficients / std
    bias[known] = intercepts - weight[known] @ mean
    return Linear(weight, bias)
