"""Likely label errors: images whose given label an honest model, trained without them, finds most unlikely.

Confident learning (C. Northcutt, L. Jiang, I. Chuang: Confident Learning, JAIR 70, 2021), as cleanlab implements
it, over out-of-fold predictions of a cheap model of the pixels. Where the cheap model is not good enough
to be a judge, that is said instead of guessing.
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
# Confident learning proposes; this much certainty of another class is asked for besides.
CERTAINTY = 0.8
_SIDE = 16
_COMPONENTS = 32
# Measured on the digits with 13 labels changed: 7 neighbours miss 1 and suspect 5 others, 15 miss none and suspect 2.
_NEIGHBOURS = 15


def label_errors(data: PreparedDataset) -> list[Finding]:
    """A finding with the suspicious images, the worst first; a note where none could be looked for."""
    positions = _eligible(data)
    labels = np.unique(data.labels[positions], return_inverse=True)[1]
    if len(np.unique(labels)) < 2:
        return [_not_looked("too few images a class")]
    probabilities = _out_of_fold(_features(data, positions), labels)
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    if accuracy < TRUSTED_ACCURACY:
        return [_not_looked(f"the cheap model is right in {accuracy:.0%} only, too few to be a judge")]
    from cleanlab.filter import find_label_issues

    order = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    suspicious = [row for row in order if probabilities[row].max() >= CERTAINTY]
    if not suspicious:
        return []
    kept = np.unique(data.labels[positions])
    captions = []
    for row in suspicious:
        given, likely = data.labels[positions[row]], kept[probabilities[row].argmax()]
        captions.append(f"labelled {data.classes[given]}, looks like {data.classes[likely]}")
    images = plural(len(suspicious), "image")
    title = f"{images} with a likely label error (judged by a model that is right in {accuracy:.1%})"
    groups = [[int(positions[row])] for row in suspicious]
    return [Finding("label-error", "warning", title, "look at each; correct the label or remove it", groups, captions)]


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


def _out_of_fold(features: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities (n, classes), each from a model that has not seen the image."""
    from sklearn.decomposition import PCA
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    components = min(_COMPONENTS, features.shape[1], len(features) // 2)
    # Neighbours by likeness: nothing to tune, and one wrong label sways few of its neighbours' votes.
    model: Any = make_pipeline(PCA(components, random_state=0), KNeighborsClassifier(_NEIGHBOURS, weights="distance"))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    result: NDArray[np.float64] = cross_val_predict(model, features, labels, cv=folds, method="predict_proba")
    return result
