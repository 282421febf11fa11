"""What a baseline is fitted on: how the examples of a kind become numbers, here and in the exported graph."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed, Input
from kedja.data.prepared import PreparedDataset

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Front:
    """The graph in front of a fitted pipeline.

    Attributes:
        graph: the input's tensors → `x`, float64 (n, width).
        pipeline: the steps that follow, for skl2onnx.
        fitted: these steps as a graph, where skl2onnx has none for them: `fitted_x` → `fitted_known`, probabilities.
    """

    graph: "onnx.ModelProto"
    width: int
    pipeline: Any
    fitted: "onnx.ModelProto | None" = None


class Representation(Protocol):
    """Attributes:
    kind: of the examples, see `kedja.bundle.inputs.registry`.
    recorded: what a run's configuration says of it; another value makes other runs.
    """

    kind: ClassVar[str]
    recorded: ClassVar[dict[str, Any]]

    def settings(self, dataset: PreparedDataset) -> dict[str, Any]:
        """What building the pipeline needs of the data set."""
        ...

    def examples(self, dataset: PreparedDataset, positions: NDArray[np.int64]) -> NDArray[Any]:
        """(N, …) what the pipeline is fitted on."""
        ...

    def features(self, feed: Feed) -> NDArray[Any]:
        """The same of one feed."""
        ...

    def front(self, pipeline: Any, expected: Input) -> Front:
        """The same as a graph, with as many steps of the pipeline as have no form of their own in ONNX."""
        ...
