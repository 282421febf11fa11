"""Logits against labels: probabilities, accuracy, mean log-likelihood. Numpy alone: listing runs stays quick."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def log_softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Logarithms of the probabilities over the last axis, in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Probabilities over the last axis, in float64."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return result


def accuracy(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """How many of the labels have the largest logit, in 0…1."""
    return float((logits.argmax(axis=1) == labels).mean())


def log_loss(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """The mean negative log-likelihood of the labels, in nats."""
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())


def score(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> dict[str, float]:
    """`accuracy` and `loss` of logits (N, classes), as summaries hold them."""
    return {"accuracy": accuracy(logits, labels), "loss": log_loss(logits, labels)}
