"""Two quick models of small examples as judges of labels: each example is judged by models trained without it.

They need no training run, and are good enough for scans and symbols, hardly ever for photographs and texts.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.data.audit.judgement import TRUSTED_ACCURACY, Judgement
from kedja.data.prepared import PreparedDataset

FOLDS = 5
MAX_IMAGES = 6000
# Of the neighbours' votes: measured, see docs/LOG.md.
MOST_FOR_GIVEN, LEAST_FOR_OTHER = 0.2, 0.5
_COMPONENTS = 32
_NEIGHBOURS = 15
# The penalty C of a support vector machine.
_MARGIN = 4.0


def judge(data: PreparedDataset) -> Judgement | None:
    """The neighbours' votes, and whether a support vector machine agrees; None where classes have too few
    examples, or their kind has no small form.
    """
    positions = _eligible(data)
    labels = data.labels[positions]
    if len(np.unique(labels)) < 2:
        return None
    features = data.stored.small(positions)
    if features is None:
        return None
    votes = np.zeros((len(positions), len(data.classes)))
    votes[:, np.unique(labels)] = _votes(features, labels)
    likely = votes.argmax(axis=1)
    # Where the first is not to be trusted nobody asks the second, who takes longer.
    trusted = float((likely == labels).mean()) >= TRUSTED_ACCURACY
    agreed = likely == _second_opinion(features, labels) if trusted else np.zeros(len(labels), np.bool_)
    better = "train on them, then let finished runs judge: judges=runs/<experiment>-<hash>"
    return Judgement(positions, votes, agreed, MOST_FOR_GIVEN, LEAST_FOR_OTHER, "two cheap models", better)


def _eligible(data: PreparedDataset) -> NDArray[np.int64]:
    """Evenly spread images of the classes that have enough for every fold."""
    counts = np.bincount(data.labels, minlength=len(data.classes))
    positions = np.flatnonzero(counts[data.labels] >= 2 * FOLDS).astype(np.int64)
    step = max(1, -(-len(positions) // MAX_IMAGES))
    by_class = positions[np.argsort(data.labels[positions], kind="stable")]
    thinned = np.sort(by_class[::step])
    counts = np.bincount(data.labels[thinned], minlength=len(data.classes))
    return thinned[counts[data.labels[thinned]] >= FOLDS]


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
