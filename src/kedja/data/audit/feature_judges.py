"""A linear model on a pretrained network's features as judge of labels, where such features lie beside the data.

It judges photographs, which nothing can that looks at pixels alone. Each example is judged by a model that was fitted
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
# Measured with planted errors, see docs/LOG.md; so was that a second judge costs more errors than false alarms.
MOST_FOR_GIVEN, LEAST_FOR_OTHER = 0.05, 0.3
# Inverse strength of the penalty: a wrong label is not to be learnt by heart.
_STRENGTH = 0.01


def judge(data: PreparedDataset) -> Judgement | None:
    """Its probabilities; None without features, or with too few examples a class."""
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
    probabilities = np.zeros((len(positions), len(data.classes)))
    probabilities[:, np.unique(labels)] = _out_of_fold(features, labels)
    agreed = np.ones(len(positions), np.bool_)
    better = "train on them, then let finished runs judge: judges=runs/<experiment>-<hash>"
    judges = "a linear model on features of a pretrained network"
    return Judgement(positions, probabilities, agreed, MOST_FOR_GIVEN, LEAST_FOR_OTHER, judges, better)


def _out_of_fold(features: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """What the model says of each example, never having seen it: float64 (n, known classes)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model: Any = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=200))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        # The last digits of a solution are nobody's concern.
        warnings.simplefilter("ignore")
        found = cross_val_predict(model, features, labels, cv=folds, method="predict_proba")
    return np.asarray(found, np.float64)
