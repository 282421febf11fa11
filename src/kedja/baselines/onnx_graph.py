"""A fitted scikit-learn pipeline → one ONNX file with a dynamic batch, from the input's tensors to probabilities.

Three graphs in a row: examples → features (`kedja.baselines.representation`), the pipeline as `skl2onnx` writes it,
its probabilities → the bundle's outputs. All of it computes in float64 (`kedja.baselines.pipeline` says why), but for
a network in front; only what leaves the graph is float32.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import compose, helper, numpy_helper, parser

from kedja.baselines.pipeline import SMALLEST_PROBABILITY
from kedja.baselines.representation import Front
from kedja.bundle.metadata import OUTPUTS
from kedja.common.errors import KedjaError

IR_VERSION = 10
OPSETS = {"": 18, "ai.onnx.ml": 3}

Constants = dict[str, NDArray[Any]]

_ANSWERS = """answers (double[n, {known}] known) => (float[n, {classes}] logits, float[n, {classes}] probabilities) {{
  every = MatMul (known, places)
  clipped = Clip (every, least, most)
  exact_logits = Log (clipped)
  logits = Cast <to = 1> (exact_logits)
  {tempered}
  probabilities = Softmax <axis = 1> (tempered)
}}"""


def write_pipeline(front: Front, known: NDArray[np.int64], classes: int, path: Path, temperature: float = 1.0) -> None:
    """Write `path`: outputs `logits` and `probabilities` float32 (n, classes).

    Args:
        front: what stands before the pipeline, and the pipeline.
        known: the classes that it was fitted on.
        temperature: the logits are divided by it for the probabilities.

    Raises:
        KedjaError: a step of the pipeline has no ONNX form.
    """
    fitted = front.fitted or _fitted(front.pipeline, front.width)
    answers = _answers(known, classes, temperature)
    for graph in (front.graph, answers):
        # One model has one version of each set of operators: that which the pipeline itself needs.
        del graph.opset_import[:]
        graph.opset_import.extend(fitted.opset_import)
    graph = compose.merge_models(front.graph, fitted, io_map=[(front.graph.graph.output[0].name, "fitted_x")])
    graph = compose.merge_models(graph, answers, io_map=[("fitted_known", "known")], outputs=list(OUTPUTS))
    onnx.checker.check_model(graph, full_check=True)
    path.write_bytes(graph.SerializeToString(deterministic=True))


def _fitted(pipeline: Any, features: int) -> onnx.ModelProto:
    """The pipeline itself: `fitted_x` float64 (n, features) → `fitted_known` float64 (n, known classes)."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType

    try:
        with warnings.catch_warnings():
            # It reads attributes that scikit-learn is about to drop; nothing a user could act on.
            warnings.simplefilter("ignore")
            model = to_onnx(
                pipeline,
                initial_types=[("x", DoubleTensorType([None, features]))],
                final_types=[("label", None), ("known", DoubleTensorType([None, len(pipeline.classes_)]))],
                options={"zipmap": False},
                target_opset=OPSETS,
            )
    except Exception as error:  # noqa: BLE001 -- converters of many authors raise many kinds
        raise KedjaError(
            f"this pipeline has no ONNX form: {type(error).__name__}: {str(error).splitlines()[0]}",
            "export another run, or build the baseline of steps that skl2onnx converts",
        ) from None
    return compose.add_prefix(under_opsets(model), "fitted_")


def under_opsets(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, said to be of the versions that are used here; it may state older ones that would do."""
    model.ir_version = IR_VERSION
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in OPSETS.items())
    return model


def _answers(known: NDArray[np.int64], classes: int, temperature: float) -> onnx.ModelProto:
    """`kedja.baselines.pipeline.logits` as a graph, and their softmax."""
    tempered = "tempered = Div (logits, temperature)" if temperature != 1 else "tempered = Identity (logits)"
    constants: Constants = {
        "places": np.eye(classes)[known],
        "least": np.array(SMALLEST_PROBABILITY),
        "most": np.array(1.0),
    }
    if temperature != 1:
        constants["temperature"] = np.array(temperature, np.float32)
    return parse(_ANSWERS.format(known=len(known), classes=classes, tempered=tempered), constants)


def parse(text: str, constants: Constants) -> onnx.ModelProto:
    """A graph in ONNX's textual syntax, under the operator sets that are used here."""
    opsets = ", ".join(f'"{domain}" : {version}' for domain, version in OPSETS.items())
    model = parser.parse_model(f"<ir_version: {IR_VERSION}, opset_import: [{opsets}]>\n{text}")
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return model
