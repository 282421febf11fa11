"""A finished run's network as an MLflow model: the ONNX graph, which `mlflow models serve` answers with."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kedja.bundle.metadata import MODEL
from kedja.frameworks.registry import find
from kedja.runs.read import Run

NAME = "model"


@contextmanager
def written(run: Run) -> Iterator[Path | None]:
    """A folder in MLflow's form for as long as the block lasts; None where the run has kept no weights.

    Its input is the graph's own: raw values, named as in a bundle, so that a client must know no preprocessing but the
    size. Its outputs are `logits` and `probabilities`, float32 (N, classes).
    """
    framework = find(run.framework)
    if not (run.directory / framework.weights).is_file():
        yield None
        return
    import onnx
    from mlflow.onnx import save_model

    with tempfile.TemporaryDirectory() as folder:
        framework.write(run.directory, Path(folder))
        place = Path(folder) / "mlflow"
        save_model(
            onnx.load(str(Path(folder) / MODEL)),
            str(place),
            signature=_signature(Path(folder) / MODEL),
            # Named here: MLflow would start the model in a process of its own to find out.
            pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "onnx", "onnxruntime", "numpy")],
            onnx_execution_providers=["CPUExecutionProvider"],
        )
        yield place


def _signature(path: Path) -> Any:
    """The graph's inputs and outputs with their types and shapes; what may vary is -1."""
    import onnxruntime
    from mlflow.models import ModelSignature
    from mlflow.types import Schema

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return ModelSignature(
        Schema([_tensor(one) for one in session.get_inputs()]), Schema([_tensor(one) for one in session.get_outputs()])
    )


def _tensor(one: Any) -> Any:
    import numpy as np
    from mlflow.types import TensorSpec

    kind = {"float": "float32", "double": "float64", "string": "str"}.get(name := one.type[7:-1], name)
    return TensorSpec(np.dtype(kind), [size if isinstance(size, int) else -1 for size in one.shape], one.name)
