"""Likely label errors: images whose given label two honest models, trained without them, both find most unlikely.

As in confident learning (C. Northcutt, L. Jiang, I. Chuang: Confident Learning, JAIR 70, 2021) the labels are judged by
out-of-fold predictions of cheap models of the pixels; but a second judge of another kind has to agree in place of that
work's thresholds for each class, which find fewer (docs/LOG.md). Where the cheap models are not good enough to be
judges, that is said instead of guessing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.data.audit.finding import Finding, plural
from kedja.data.perceptual import grid
from kedja.data.pixels import read_pixels
from kedja.data.prepared import PreparedDataset

FOLDS = 5
MAX_IMAGES = 6000
# Below this the model errs more often than people who label do.
TRUSTED_ACCURACY = 0.9
# What the neighbours' votes must be, besides both judges naming the same other class: measured, see docs/LOG.md.
MOST_FOR_GIVEN = 0.2
LEAST_FOR_OTHER = 0.5
_SIDE = 16
_COMPONENTS = 32
_NEIGHBOURS = 15
# The penalty C of a support vector machine.
_MARGIN = 4.0


def label_errors(data: PreparedDataset) -> list[Finding]:
    """A finding with the suspicious images, the worst first; a note where none could be looked for."""
    positions = _eligible(data)
    labels = np.unique(data.labels[positions], return_inverse=True)[1]
    if len(np.unique(labels)) < 2:
        return [_not_looked("too few images a class")]
    features = _features(data, positions)
    votes = _votes(features, labels)
    accuracy = float((votes.argmax(axis=1) == labels).mean())
    if accuracy < TRUSTED_ACCURACY:
        return [_not_looked(f"the cheap model is right in {accuracy:.0%} only, too few to be a judge")]
    suspicious = _suspicious(votes, _second_opinion(features, labels), labels)
    if not len(suspicious):
        return []
    kept = np.unique(data.labels[positions])
    captions = []
    for row in suspicious:
        given, likely = data.labels[positions[row]], kept[votes[row].argmax()]
        captions.append(f"labelled {data.classes[given]}, looks like {data.classes[likely]}")
    images = plural(len(suspicious), "image")
    title = f"{images} with a likely label error (two models agree, of which one is right in {accuracy:.1%})"
    groups = [[int(positions[row])] for row in suspicious]
    return [Finding("label-error", "warning", title, "look at each; correct the label or remove it", groups, captions)]


def _suspicious(votes: NDArray[np.float64], second: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows whose label neither judge believes, the least believed first.

    Args:
        votes: the neighbours' shares (n, classes).
        second: the other judge's class of each image (n,).
    """
    for_given, for_other, other = votes[np.arange(len(labels)), labels], votes.max(axis=1), votes.argmax(axis=1)
    disbelieved = (other != labels) & (for_given < MOST_FOR_GIVEN) & (for_other > LEAST_FOR_OTHER)
    rows = np.flatnonzero(disbelieved & (second == other))
    return rows[np.argsort(for_given[rows], kind="stable")]


def _not_looked(why: str) -> Finding:
    return Finding("label-errors-not-judged", "note", f"label errors were not looked for: {why}")


def _eligible(data: PreparedDataset) -> NDArray[np.int64]:
    """Evenly spread images of the classes that have enough for every fold."""
    counts = np.bincount(data.labels, minlength=len(data.classes))
    positions = np.flatnonzero(counts[data.labels] >= 2 * FOLDS).astype(np.int64)
    step = max(1, -(-len(positions) // MAX_IMAGES))
    by_class = positions[np.argsort(data.labels[positions], kind="stable")]
    thinned = np.sort(by_class[::step])
    counts = np.bincount(data.labels[thinned], minlength=len(data.classes))
    return thinned[counts[data.labels[thinned]] >= FOLDS]


def _features(data: PreparedDataset, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Small pictures, channel by channel, as rows (n, features)."""
    rows = []
    side = min(_SIDE, data.spec.height, data.spec.width)
    for start in range(0, len(positions), 256):
        images = read_pixels(data, positions[start : start + 256])
        channels = [grid(images[..., [c]], side, side).reshape(len(images), -1) for c in range(images.shape[3])]
        rows.append(np.hstack(channels) / 65536)
    return np.concatenate(rows).astype(np.float64)


def _votes(features: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shares (n, classes) of the votes of similar images in the other folds."""
    from sklearn.neighbors import KNeighborsClassifier

    # Nothing to tune, and one wrong label sways few of its neighbours' votes.
    return _out_of_fold(KNeighborsClassifier(_NEIGHBOURS, weights="distance"), features, labels, "predict_proba")


def _second_opinion(features: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Class (n,) by a machine that draws borders instead of counting neighbours."""
    from sklearn.svm import SVC

    return _out_of_fold(SVC(C=_MARGIN), features, labels, "predict")


def _out_of_fold(judge: Any, features: NDArray[np.float64], labels: NDArray[np.int64], method: str) -> NDArray[Any]:
    """What the judge says of each image, never having seen it."""
    from sklearn.decomposition import PCA
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    components = min(_COMPONENTS, features.shape[1], len(features) // 2)
    model: Any = make_pipeline(PCA(components, random_state=0), judge)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    result: NDArray[Any] = cross_val_predict(model, features, labels, cv=folds, method=method)
    return result
