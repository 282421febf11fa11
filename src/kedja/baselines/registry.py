"""The scikit-learn baselines that networks have to beat, each a pipeline with a small grid.

Importing this costs nothing: scikit-learn is loaded when a pipeline is built. A new baseline is one function
and one registry line.
"""

import hashlib
import itertools
import json
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kedja.common.errors import KedjaError, nearest
from kedja.data.splits.subset import KEYS, WHOLE, Subset

if TYPE_CHECKING:
    from kedja.baselines.representation import Representation

PIXELS = "kedja.baselines.pixels:Pixels"
PREFIX = "baseline-"
NGRAMS = "kedja.baselines.texts.counted:Counted"
ROWS = "kedja.baselines.tables.rows:Rows"


@dataclass(frozen=True)
class Choice:
    """What a run of a baseline is made from: its name, its seed, and the part of the data set that it sees."""

    name: str
    seed: int = 0
    subset: Subset = WHOLE


@dataclass(frozen=True)
class Baseline:
    """A family of pipelines.

    Attributes:
        build: `build(seed=…, **point)` → an unfitted pipeline with `predict_proba`.
        grid: name of a setting → the values tried, every combination.
        seeded: whether the result depends on the seed; if not, one run says it all.
        least: training examples that it needs of every class that has any.
        limit: at most this many training examples (stratified), where the cost grows faster than their number.
        represented: where what it is fitted on is defined, see `kedja.baselines.representation`.
    """

    build: Callable[..., Any]
    grid: Mapping[str, list[Any]]
    seeded: bool = False
    limit: int | None = None
    least: int = 1
    represented: str = PIXELS

    @property
    def representation(self) -> "Representation":
        """How examples become numbers, and of which kind they are."""
        found: Representation = pkgutil.resolve_name(self.represented)()
        return found

    def points(self) -> list[dict[str, Any]]:
        return [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]


def logistic_regression(seed: int, C: float) -> Any:  # noqa: N803 - scikit-learn's name for it
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    return Pipeline([("scaler", StandardScaler()), ("model", LogisticRegression(C=C, max_iter=1000))])


def random_forest(seed: int, variance: float, min_samples_leaf: int) -> Any:
    from skl2onnx.sklapi import CastTransformer
    from sklearn.decomposition import PCA
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    return Pipeline(
        [
            ("scaler", StandardScaler()),
            ("pca", PCA(variance, svd_solver="covariance_eigh")),
            # Trees compare float32 whatever they are given; saying so makes the exported graph do the same.
            ("cast", CastTransformer(dtype=np.float32)),
            ("model", RandomForestClassifier(200, min_samples_leaf=min_samples_leaf, random_state=seed)),
        ]
    )


def support_vectors(seed: int, C: float, scaler: bool) -> Any:  # noqa: N803 - scikit-learn's name for it
    """RBF kernel; probabilities by Platt scaling over three folds of the training split."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    calibrated = CalibratedClassifierCV(SVC(C=C), method="sigmoid", cv=3, ensemble=False)
    return Pipeline([*([("scaler", StandardScaler())] if scaler else []), ("model", calibrated)])


def ngrams(seed: int, C: float, spelling: Any, padding: int) -> Any:  # noqa: N803 - scikit-learn's name for it
    """TF-IDF and logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return _of_ngrams(spelling, padding, LogisticRegression(C=C, max_iter=200))


def ngrams_svm(seed: int, C: float, spelling: Any, padding: int) -> Any:  # noqa: N803 - scikit-learn's name for it
    """TF-IDF and a linear SVM; probabilities by Platt scaling over three folds of the training split."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import LinearSVC

    return _of_ngrams(spelling, padding, CalibratedClassifierCV(LinearSVC(C=C), cv=3, ensemble=False))


def _of_ngrams(spelling: Any, padding: int, model: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.pipeline import Pipeline

    from kedja.baselines.texts.ngrams import TokenNgrams

    return Pipeline([("ngrams", TokenNgrams(spelling, padding)), ("tfidf", TfidfTransformer()), ("model", model)])


def rows_linear(seed: int, C: float, numbers: int) -> Any:  # noqa: N803 - scikit-learn's name for it
    """Logistic regression on pieces of numbers and single categories."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    from kedja.baselines.tables.linear import Pieces

    return Pipeline([("pieces", Pieces(numbers)), ("model", LogisticRegression(C=C, max_iter=1000))])


def rows_forest(seed: int, least: int, numbers: int) -> Any:
    from sklearn.pipeline import Pipeline

    from kedja.baselines.tables.growing import Forest

    return Pipeline([("model", Forest(numbers, least=least, seed=seed))])


def rows_boosting(seed: int, rate: float, numbers: int) -> Any:
    """Histogram gradient boosting, as scikit-learn has it by default."""
    from sklearn.pipeline import Pipeline

    from kedja.baselines.tables.growing import Boosting

    return Pipeline([("model", Boosting(numbers, rate=rate, seed=seed))])


BASELINES: dict[str, Baseline] = {
    "logistic-regression": Baseline(logistic_regression, {"C": [0.01, 0.1, 1.0]}),
    "random-forest": Baseline(random_forest, {"variance": [0.8, 0.95], "min_samples_leaf": [1, 3]}, seeded=True),
    "svm": Baseline(support_vectors, {"C": [1.0, 10.0], "scaler": [True, False]}, limit=10_000, least=3),
    "tfidf": Baseline(ngrams, {"C": [10.0]}, represented=NGRAMS),
    "tfidf-svm": Baseline(ngrams_svm, {"C": [1.0]}, represented=NGRAMS, least=3),
    "rows-linear": Baseline(rows_linear, {"C": [0.1, 1.0]}, represented=ROWS),
    "rows-forest": Baseline(rows_forest, {"least": [2, 5]}, seeded=True, represented=ROWS),
    "rows-boosting": Baseline(rows_boosting, {"rate": [0.05, 0.1]}, represented=ROWS),
}


def find(name: str) -> Baseline:
    """The baseline of that name.

    Raises:
        KedjaError: there is none; names the nearest.
    """
    if name not in BASELINES:
        raise KedjaError(f"there is no baseline {name!r}", nearest(name, list(BASELINES)))
    return BASELINES[name]


def of_kind(kind: str) -> list[str]:
    """Those that are fitted on examples of this kind."""
    return [name for name, baseline in BASELINES.items() if baseline.representation.kind == kind]


def seeds_of(name: str, seeds: list[int]) -> list[int]:
    """The seeds worth running: the first one alone where the result does not depend on it."""
    return seeds if find(name).seeded else seeds[:1]


def runs_of(name: str, seeds: list[int], folds: int) -> list[tuple[int, Subset]]:
    """Seed and part of the data of each run: every seed on the splits, then the first one on every fold."""
    whole = [(seed, WHOLE) for seed in seeds_of(name, seeds)]
    return whole + [(seeds[0], Subset(folds, fold)) for fold in range(folds)]


def reason_to_skip(name: str, labels: NDArray[np.int64], classes: Sequence[str]) -> str:
    """Why the baseline cannot be fitted to training images with these labels; empty where it can."""
    counts = np.bincount(labels, minlength=len(classes))
    if (counts > 0).sum() < 2:
        return "it needs training examples of two classes"
    rarest = int(np.where(counts > 0, counts, len(labels)).argmin())
    least = find(name).least
    if counts[rarest] >= least:
        return ""
    return f"it needs {least} training examples of every class, and {classes[rarest]} has {counts[rarest]}"


def configuration(name: str, data: str, data_hash: str, subset: Subset = WHOLE) -> dict[str, Any]:
    """All that the result depends on, but the seed."""
    baseline = find(name)
    part = {} if subset.whole else {"subset": {key: getattr(subset, key) for key in KEYS}}
    return part | {
        "baseline": name,
        "grid": dict(baseline.grid),
        "limit": baseline.limit,
        "features": baseline.representation.recorded,
        "data": {"name": data, "hash": data_hash},
    }


def configuration_hash(configuration: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits."""
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()[:8]


def directory(runs: Path, name: str, data: str, data_hash: str, seed: int, *, subset: Subset = WHOLE) -> Path:
    """`runs/baseline-<name>-<hash>/seed<k>`."""
    digest = configuration_hash(configuration(name, data, data_hash, subset))
    return runs / f"{PREFIX}{name}-{digest}" / f"seed{seed}"
