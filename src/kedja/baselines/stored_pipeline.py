"""A fitted pipeline as bytes in the skops format: a zip of JSON and arrays, which name the types they are made of.

skops loads no type but those that it trusts or is told to trust. What it trusts of its own accord is far more than a
baseline is made of, so the names in the file are held against `TYPES`, and its kinds of nodes against `NODES`, before
skops sees it.
"""

import io
import json
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kedja.common.errors import KedjaError

# All that the pipelines of `kedja.baselines.registry` hold; a new baseline adds what it brings.
TYPES = frozenset(
    {
        "builtins.dict",
        "builtins.list",
        "builtins.str",
        "builtins.tuple",
        "numpy.float32",
        "numpy.float64",
        "numpy.int64",
        "numpy.ndarray",
        "skl2onnx.sklapi.cast_transformer.CastTransformer",
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.decomposition._pca.PCA",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.StandardScaler",
        "kedja.baselines.tables.growing.Boosting",
        "kedja.baselines.tables.growing.Forest",
        "kedja.baselines.tables.linear.Pieces",
        "kedja.baselines.texts.ngrams.TokenNgrams",
        "sklearn.feature_extraction.text.TfidfTransformer",
        "sklearn.svm._classes.LinearSVC",
        "sklearn.svm._classes.SVC",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._tree.Tree",
    }
)
# Each builds a value of a type above from data; the others call functions that the file names.
NODES = frozenset(
    {"DictNode", "JsonNode", "ListNode", "NdArrayNode", "ObjectNode", "TreeNode", "TupleNode", "TypeNode"}
)
SCHEMA = "schema.json"
# What it may unpack to: forests, which are packed best, take some ten times their file. A bomb takes a thousand times.
_MOST_TIMES, _MOST_BESIDE = 50, 100_000_000
_EPOCH = (1980, 1, 1, 0, 0, 0)


def dump(pipeline: Any) -> bytes:
    """The pipeline in the skops format; the same pipeline gives the same bytes.

    Raises:
        KedjaError: it is made of other types than `TYPES`, and could not be read again.
    """
    import skops.io

    content = skops.io.dumps(pipeline)
    _check_types(content)
    # skops numbers things by where they lie in memory, another place in every process; here by when they come up.
    numbers: dict[str, str] = {}
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as given, zipfile.ZipFile(buffer, "w") as ours:
        schema = re.sub(
            r'("__id__": |"file": ")(\d+)',
            lambda found: found[1] + numbers.setdefault(found[2], str(len(numbers) + 1)),
            given.read(SCHEMA).decode(),
        )
        arrays = [name for name in given.namelist() if name != SCHEMA]
        members = {f"{numbers[Path(name).stem]}.npy": _without_gaps(given.read(name)) for name in arrays}
        for name, data in [*members.items(), (SCHEMA, schema.encode())]:
            ours.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED, 6)
    return buffer.getvalue()


def _without_gaps(content: bytes) -> bytes:
    """An `.npy` whose records hold zeros between their fields: a tree's nodes have whatever lay in memory there."""
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, array.dtype)
    for field in array.dtype.names:
        clean[field] = array[field]
    buffer = io.BytesIO()
    np.save(buffer, clean)
    return buffer.getvalue()


def load(content: bytes, path: Path, remedy: str) -> Any:
    """The pipeline again.

    Args:
        path, remedy: where it lies, and what to do where it is not good; for messages.

    Raises:
        KedjaError: it is damaged, holds other types than `TYPES`, or another version of scikit-learn wrote it.
    """
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            _check_types(content)
            pipeline = skops.io.loads(content, trusted=sorted(TYPES))  # noqa: TID251 -- this is the place
            _check_content(pipeline)
    except InconsistentVersionWarning as warning:
        raise KedjaError(f"{path}: {str(warning).partition('. ')[0]}", remedy) from None
    except KedjaError as error:
        raise KedjaError(f"{path} is not loaded: {error.problem}", remedy) from None
    except Exception as error:  # noqa: BLE001 -- zipfile, json, numpy and scikit-learn raise a dozen kinds
        raise KedjaError(f"{path} is damaged: {type(error).__name__}: {str(error)[:200]}", remedy) from None
    return pipeline


def _check_types(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        unpacked = sum(member.file_size for member in file.infolist())
        if unpacked > _MOST_TIMES * len(content) + _MOST_BESIDE:
            raise KedjaError(f"its {len(content):,} bytes unpack to {unpacked:,}")
        schema = json.loads(file.read(SCHEMA))
    for node in _nodes(schema):
        name = f"{node.get('__module__')}.{node.get('__class__')}"
        if name not in TYPES or node["__loader__"] not in NODES:
            raise KedjaError(f"it holds {name[:100]} ({str(node['__loader__'])[:100]}), which no baseline is made of")


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Everything in the schema that says how it is to be built."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "__loader__" in value:
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _check_content(pipeline: Any) -> None:
    """It is a pipeline whose numbers fit: compiled code follows them without a look, out of its memory, too."""
    from sklearn.pipeline import Pipeline

    if not isinstance(pipeline, Pipeline):
        raise TypeError(f"a {type(pipeline).__name__} is no pipeline")
    for _, step in pipeline.steps:
        if hasattr(step, "check_content"):
            step.check_content()
        for one in getattr(step, "estimators_", []):
            _check_tree(one.tree_, step.n_features_in_)
        for calibrated in getattr(step, "calibrated_classifiers_", []):
            # A linear one has no vectors, and is multiplied by numpy.
            if type(calibrated.estimator).__name__ != "LinearSVC":
                _check_vectors(calibrated.estimator)


def _check_tree(tree: Any, features: int) -> None:
    if tree.node_count > tree.capacity:
        raise ValueError("a tree has fewer nodes than it says")
    inner = tree.children_left != -1
    for children in (tree.children_left[inner], tree.children_right[inner]):
        # A child comes after its parent: none is out of bounds, and no walk goes round in circles.
        if not ((children > inner.nonzero()[0]) & (children < tree.node_count)).all():
            raise ValueError("a tree's branches lead nowhere")
    asked = tree.feature[inner]
    if not ((asked >= 0) & (asked < features)).all():
        raise ValueError("a tree asks for a feature that there is not")


def _check_vectors(machine: Any) -> None:
    vectors, classes = len(machine.support_), len(machine.classes_)
    shapes = [
        (machine.support_vectors_, (vectors, machine.n_features_in_)),
        (machine._dual_coef_, (classes - 1, vectors)),
        (machine._n_support, (classes,)),
        (machine._intercept_, (classes * (classes - 1) // 2,)),
    ]
    if any(array.shape != shape for array, shape in shapes) or machine._n_support.sum() != vectors:
        raise ValueError("the support vectors do not fit each other")
