"""How like the training examples an example is: a score computed in the graph, as its output `familiarity`.

The largest logit (Hendrycks et al. 2022, "Scaling Out-of-Distribution Detection for Real-World Settings", ICML) says
whether an example has what the classes are told apart by. Where the graph has features to look at, their distance from
the directions in which training examples vary is taken off, which says whether it has anything that they have not (Wang
et al. 2022, "ViM: Out-Of-Distribution with Virtual-logit Matching", CVPR). What else was tried stands in docs/LOG.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from kedja.bundle.known import FAMILIARITY
from kedja.frameworks.graphs import surgery

# Principal directions in which examples may vary; half of the features where there are fewer.
DIRECTIONS = 128
# More features than this are counts of words, whose distances mean little.
MOST_FEATURES = 4096

_LARGEST_LOGIT = """largest (float[n, classes] logits) => (float[n] familiarity) {
  familiarity = ReduceMax <keepdims = 0> (logits, last)
}"""
_WITHOUT_DISTANCE = """both (float[n, classes] logits, {type}[n, {width}] features) => (float[n] familiarity) {{
  largest = ReduceMax <keepdims = 0> (logits, last)
  exact = Cast <to = 1> (features)
  moved = Sub (exact, mean)
  inside = MatMul (moved, directions)
  back = Gemm <transB = 1> (inside, directions)
  outside = Sub (moved, back)
  distance = ReduceL2 <keepdims = 0> (outside, last)
  weighed = Mul (distance, weight)
  familiarity = Sub (largest, weighed)
}}"""
_TYPES: dict[int, str] = {
    onnx.TensorProto.FLOAT: "float",
    onnx.TensorProto.DOUBLE: "double",
    onnx.TensorProto.FLOAT16: "float16",
}


@dataclass(frozen=True)
class Score:
    """A score that can be appended to a graph.

    Attributes:
        words: what it is.
        looks_at_features: whether it takes the graph's features besides its logits.
    """

    words: str
    looks_at_features: bool
    text: str
    constants: dict[str, NDArray[Any]]

    def append(self, model: onnx.ModelProto) -> None:
        """Give the graph its output `familiarity`."""
        sources = ["logits"]
        if self.looks_at_features:
            # A graph that was changed since the score was fitted may call them otherwise.
            features = surgery.features_of(model)
            assert features is not None, "the graph has the features that the score was fitted on"
            sources.append(features)
        surgery.append(model, self.text, self.constants, sources, output=FAMILIARITY, prefix="familiarity_")


def largest_logit() -> Score:
    """For graphs without features to look at."""
    return Score("the largest logit", False, _LARGEST_LOGIT, {"last": np.array([1], np.int64)})


@dataclass(frozen=True)
class Subspace:
    """Where the features of training examples lie: `mean` (D,) and orthonormal `directions` (D, k)."""

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]

    def distance(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """Of each row of (N, D)."""
        moved = features.astype(np.float64) - self.mean
        found: NDArray[np.float64] = np.linalg.norm(moved - moved @ self.directions @ self.directions.T, axis=1)
        return found


def subspace(features: NDArray[Any]) -> Subspace:
    """Of the features (N, D) of training examples."""
    exact = features.astype(np.float64)
    mean = exact.mean(axis=0)
    _, vectors = np.linalg.eigh((exact - mean).T @ (exact - mean))
    most = min(DIRECTIONS, features.shape[1] // 2, len(features) // 2)
    return Subspace(mean, vectors[:, ::-1][:, :most])


def without_distance(space: Subspace, features: NDArray[Any], logits: NDArray[Any], dtype: int) -> Score:
    """The largest logit less the distance, which counts as much: both vary as much over validation examples.

    Args:
        features, logits: (N, D) and (N, classes) of validation examples.
        dtype: ONNX's number of the features' type.
    """
    spread = float(space.distance(features).std())
    weight = float(logits.max(axis=1).std()) / spread if spread > 1e-9 else 0.0
    constants = {
        "mean": space.mean,
        "directions": space.directions,
        "weight": np.array(weight),
    }
    width = len(space.mean)
    return Score(
        f"the largest logit less {weight:.4g} times the distance of {width} features from where training examples lie",
        True,
        _WITHOUT_DISTANCE.format(type=_TYPES[dtype], width=width),
        {name: value.astype(np.float32) for name, value in constants.items()} | {"last": np.array([1], np.int64)},
    )
