"""Evaluate a model from its stored answers: figures of each class, confusion, most confident mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kedja.common.intervals import wilson
from kedja.experiments.analysis.statistics import Interval, bootstrap
from kedja.runs.read import Predictions
from kedja.runs.scores import log_loss


@dataclass(frozen=True)
class ClassFigures:
    """One class: shares in 0…1; `auc` is one class against the rest, None where either side has no image."""

    name: str
    support: int
    precision: float
    recall: float
    f1: float
    auc: float | None


@dataclass(frozen=True)
class Mistake:
    """A wrong answer: image id, true and predicted class, and the probability given to each."""

    id: str
    true: str
    predicted: str
    probability: float
    true_probability: float


@dataclass(frozen=True)
class Evaluation:
    """The figures of a split. `loss` is the mean negative log likelihood, `brier` the multi-class Brier score."""

    images: int
    accuracy: Interval
    macro_f1: Interval
    macro_auc: float
    loss: float
    brier: float
    classes: list[ClassFigures]
    mistakes: list[Mistake]


def evaluate(predictions: Predictions, classes: Sequence[str], mistakes: int = 24) -> Evaluation:
    """All of it; the accuracy has Wilson's 95 % interval, the macro F1 a bootstrap's over images."""
    labels, predicted = predictions.labels, predictions.logits.argmax(axis=1)
    right = int((labels == predicted).sum())
    probabilities = predictions.probabilities
    per_class = class_figures(predictions, classes)
    areas = [one.auc for one in per_class if one.auc is not None]
    return Evaluation(
        images=len(labels),
        accuracy=Interval(right / len(labels), *wilson(right, len(labels))),
        macro_f1=bootstrap(lambda at: _macro_f1(labels[at], predicted[at], len(classes)), len(labels)),
        macro_auc=float(np.mean(areas)) if areas else float("nan"),
        loss=log_loss(predictions.logits, labels),
        brier=float(((probabilities - np.eye(len(classes))[labels]) ** 2).sum(axis=1).mean()),
        classes=per_class,
        mistakes=confident_mistakes(predictions, classes, mistakes),
    )


def confusion(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """int64 (classes, classes): how many images of the row's class were called the column's."""
    from sklearn.metrics import confusion_matrix

    return np.asarray(confusion_matrix(labels, predicted, labels=np.arange(classes)), np.int64)


def class_figures(predictions: Predictions, classes: Sequence[str]) -> list[ClassFigures]:
    """Precision, recall, F1, support and area under the ROC curve of each class; 0 where a share has no base."""
    from sklearn.metrics import precision_recall_fscore_support

    predicted, probabilities = predictions.logits.argmax(axis=1), predictions.probabilities
    rates = precision_recall_fscore_support(
        predictions.labels, predicted, labels=np.arange(len(classes)), zero_division=0.0
    )
    return [
        ClassFigures(
            name,
            int(support),
            float(precision),
            float(recall),
            float(f1),
            area_under_roc(predictions.labels == index, probabilities[:, index]),
        )
        for index, (name, precision, recall, f1, support) in enumerate(zip(classes, *rates, strict=True))
    ]


def area_under_roc(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float | None:
    """Chance that a positive image scores higher than a negative one, ties counting half; None without both sides."""
    from sklearn.metrics import roc_auc_score

    return None if positive.all() or not positive.any() else float(roc_auc_score(positive, score))


def confident_mistakes(predictions: Predictions, classes: Sequence[str], count: int) -> list[Mistake]:
    """The wrong answers that were given with the highest probability, worst first."""
    probabilities = predictions.probabilities
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != predictions.labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:count]
    return [
        Mistake(
            str(predictions.ids[index]),
            classes[predictions.labels[index]],
            classes[predicted[index]],
            float(confidence[index]),
            float(probabilities[index, predictions.labels[index]]),
        )
        for index in worst
    ]


def _macro_f1(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> float:
    """Mean F1 of the classes that occur, as by scikit-learn's `f1_score`, but quick enough for the bootstrap."""
    hits = np.bincount(labels[labels == predicted], minlength=classes)
    both = np.bincount(labels, minlength=classes) + np.bincount(predicted, minlength=classes)
    return float((2 * hits[both > 0] / both[both > 0]).mean())
