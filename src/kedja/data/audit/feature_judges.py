"""Two simple models on a pretrained network's features as judges of labels, where such features lie beside the data.

They judge photographs, which nothing can that looks at pixels alone. Each example is judged by models that were fitted
without it; those of the test split, which nobody looks at before the end, are not judged.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.data.audit.judgement import Judgement
from kedja.data.features import read_features
from kedja.data.prepared import PreparedDataset

FOLDS = 5
# Measured with planted errors, see docs/LOG.md.
MOST_FOR_GIVEN, LEAST_FOR_OTHER = 0.1, 0.3
_NEIGHBOURS = 5
# Inverse strength of the penalty: a wrong label is not to be learnt by heart.
_STRENGTH = 0.01


def judge(data: PreparedDataset) -> Judgement | None:
    """A linear model's probabilities, and whether the nearest neighbours agree; None without features."""
    found = read_features(data)
    if found is None:
        return None
    positions, features = found
    counts = np.bincount(data.labels[positions], minlength=len(data.classes))
    enough = counts[data.labels[positions]] >= FOLDS
    positions, features = positions[enough], features[enough]
    labels = data.labels[positions]
    if len(np.unique(labels)) < 2:
        return None
    probabilities, votes = (np.zeros((len(positions), len(data.classes))) for _ in range(2))
    probabilities[:, np.unique(labels)], votes[:, np.unique(labels)] = out_of_fold(features, labels)
    agreed = probabilities.argmax(axis=1) == votes.argmax(axis=1)
    better = "train on them, then let finished runs judge: judges=runs/<experiment>-<hash>"
    judges = "two models on features of a pretrained network"
    return Judgement(positions, probabilities, agreed, MOST_FOR_GIVEN, LEAST_FOR_OTHER, judges, better)


def out_of_fold(
    features: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a linear model and the neighbours in direction say of each example, never having seen it: (n, known)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer, StandardScaler

    linear: Any = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=200))
    near: Any = make_pipeline(Normalizer(), KNeighborsClassifier(_NEIGHBOURS, weights="distance", algorithm="brute"))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        # The last digits of a solution are nobody's concern.
        warnings.simplefilter("ignore")
        first, second = (
            cross_val_predict(model, features, labels, cv=folds, method="predict_proba") for model in (linear, near)
        )
    return np.asarray(first, np.float64), np.asarray(second, np.float64)
