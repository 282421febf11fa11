"""How like the training examples an example is: a score computed in the graph, as its output `familiarity`.

Where the graph has features to compare, the score is minus the distance to the nearest class: the Mahalanobis distance
(Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples", NeurIPS) within the principal
directions of the features, and what lies outside of these directions besides. Else it is the largest logit (Hendrycks
et al. 2022). What was tried stands in docs/LOG.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from kedja.bundle.known import FAMILIARITY
from kedja.frameworks.graphs import surgery

# Principal directions that are kept: more cost bytes in the bundle and gain nothing.
DIRECTIONS = 128
# More features than this are counts of words, whose distances mean little.
MOST_FEATURES = 4096
# Of the mean variance, added to that of every direction: few examples leave some without any.
_SHRINKAGE = 1e-2

_DISTANCE = """distance ({type}[n, {width}] features) => (float[n] familiarity) {{
  exact = Cast <to = 1> (features)
  moved = Sub (exact, mean)
  directed = MatMul (moved, directions)
  white = MatMul (directed, whitening)
  crossed = MatMul (white, centres)
  squares = Mul (white, white)
  length = ReduceSum <keepdims = 1> (squares, last)
  doubled = Mul (crossed, two)
  shorter = Sub (length, doubled)
  distances = Add (shorter, centre_lengths)
  nearest = ReduceMin <keepdims = 0> (distances, last)
  moved_squares = Mul (moved, moved)
  all_of_it = ReduceSum <keepdims = 0> (moved_squares, last)
  directed_squares = Mul (directed, directed)
  inside = ReduceSum <keepdims = 0> (directed_squares, last)
  outside = Sub (all_of_it, inside)
  weighed = Mul (outside, weight)
  distance = Add (nearest, weighed)
  familiarity = Neg (distance)
}}"""
_LARGEST_LOGIT = """largest (float[n, classes] logits) => (float[n] familiarity) {
  familiarity = ReduceMax <keepdims = 0> (logits, last)
}"""
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
        source: the tensor that it takes.
    """

    words: str
    source: str
    text: str
    constants: dict[str, NDArray[Any]]

    def append(self, model: onnx.ModelProto) -> None:
        """Give the graph its output `familiarity`; a graph that was changed since may call the source otherwise."""
        source = surgery.features_of(model) if self.source != "logits" else self.source
        assert source is not None, "the graph has the features that the score was fitted on"
        surgery.append(model, self.text, self.constants, source, output=FAMILIARITY, prefix="familiarity_")


def largest_logit() -> Score:
    """For graphs without features to compare."""
    return Score("the largest logit", "logits", _LARGEST_LOGIT, {"last": np.array([1], np.int64)})


def nearest_class(features: NDArray[Any], labels: NDArray[np.int64], source: str, dtype: int) -> Score:
    """Fit the distance on training examples.

    Args:
        features: (N, D), of examples whose class is `labels`, int64 (N,).
        source: what the graph calls them, of ONNX's type `dtype`.
    """
    exact = features.astype(np.float64)
    mean = exact.mean(axis=0)
    known, places = np.unique(labels, return_inverse=True)
    centres = np.stack([exact[places == place].mean(axis=0) for place in range(len(known))])
    within = exact - centres[places]
    directions = _principal(exact - mean)
    inside = within @ directions
    variance = inside.T @ inside / len(inside)
    variance += _SHRINKAGE * max(np.trace(variance) / len(variance), 1e-12) * np.eye(len(variance))
    whitening = np.linalg.cholesky(np.linalg.inv(variance))
    white = (centres - mean) @ directions @ whitening
    outside = float((within**2).sum() - (inside**2).sum()) / len(within)
    rest = features.shape[1] - directions.shape[1]
    # What lies outside counts as much as its directions would, all of the same variance.
    weight = rest / outside if rest and outside > 1e-9 else 0.0
    constants = {
        "mean": mean,
        "directions": directions,
        "whitening": whitening,
        "centres": white.T,
        "centre_lengths": (white**2).sum(axis=1),
        "weight": np.array(weight),
        "two": np.array(2.0),
    }
    return Score(
        f"minus the distance to the nearest class in {features.shape[1]} features",
        source,
        _DISTANCE.format(type=_TYPES[dtype], width=features.shape[1]),
        {name: value.astype(np.float32) for name, value in constants.items()} | {"last": np.array([1], np.int64)},
    )


def _principal(moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """(D, k) the directions of most variance, fewer than there are examples."""
    most = min(DIRECTIONS, moved.shape[1], max(1, len(moved) // 2))
    _, vectors = np.linalg.eigh(moved.T @ moved)
    found: NDArray[np.float64] = vectors[:, ::-1][:, :most]
    return found
