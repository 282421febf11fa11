"""A fitted scikit-learn pipeline → one ONNX file with a dynamic batch, from raw pixels to probabilities.

Three graphs in a row: pixels → features, the pipeline as `skl2onnx` writes it, its probabilities → the bundle's
outputs. All of it computes in float64 (`kedja.baselines.pipeline` says why); only what leaves the graph is float32.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import compose, helper, numpy_helper, parser

from kedja.baselines.pipeline import FEATURE_SIDE, SMALLEST_PROBABILITY, averaging
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.metadata import OUTPUTS
from kedja.common.errors import KedjaError

IR_VERSION = 10
OPSETS = {"": 18, "ai.onnx.ml": 3}

Constants = dict[str, NDArray[Any]]

_AVERAGE = 'Einsum <equation = "ay,nyxc,bx->nabc"> (rows, scaled, columns)'
_PIXELS = """pixels (uint8[n, {height}, {width}, {channels}] image) => (double[n, {features}] x) {{
  exact = Cast <to = 11> (image)
  scaled = Div (exact, white)
  averaged = {average}
  x = Flatten (averaged)
}}"""
_ANSWERS = """answers (double[n, {known}] known) => (float[n, {classes}] logits, float[n, {classes}] probabilities) {{
  every = MatMul (known, places)
  clipped = Clip (every, least, most)
  exact_logits = Log (clipped)
  logits = Cast <to = 1> (exact_logits)
  {tempered}
  probabilities = Softmax <axis = 1> (tempered)
}}"""


def write_pipeline(pipeline: Any, spec: ImageSpec, classes: int, path: Path, temperature: float = 1.0) -> None:
    """Write `path`: input `image` uint8 (n, H, W, C), outputs `logits` and `probabilities` float32 (n, classes).

    Args:
        temperature: the logits are divided by it for the probabilities.

    Raises:
        KedjaError: a step of the pipeline has no ONNX form.
    """
    features, width = _pixels(spec)
    graph = compose.merge_models(features, _fitted(pipeline, width), io_map=[("x", "fitted_x")])
    answers = _answers(pipeline.classes_, classes, temperature)
    graph = compose.merge_models(graph, answers, io_map=[("fitted_known", "known")], outputs=list(OUTPUTS))
    onnx.checker.check_model(graph, full_check=True)
    path.write_bytes(graph.SerializeToString(deterministic=True))


def _pixels(spec: ImageSpec) -> tuple[onnx.ModelProto, int]:
    """`kedja.baselines.pipeline.features` as a graph → `x`, and how many features that are."""
    constants: Constants = {"white": np.array(255.0)}
    height, width, average = spec.height, spec.width, "Identity (scaled)"
    if max(height, width) > FEATURE_SIDE:
        rows, columns = averaging(height, width)
        constants |= {"rows": rows, "columns": columns}
        height, width, average = len(rows), len(columns), _AVERAGE
    features = height * width * spec.channels
    text = _PIXELS.format(
        height=spec.height, width=spec.width, channels=spec.channels, features=features, average=average
    )
    return _parse(text, constants), features


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
    # It states the oldest versions that would do; graphs are merged under the same ones.
    model.ir_version = IR_VERSION
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in OPSETS.items())
    return compose.add_prefix(model, "fitted_")


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
    return _parse(_ANSWERS.format(known=len(known), classes=classes, tempered=tempered), constants)


def _parse(text: str, constants: Constants) -> onnx.ModelProto:
    opsets = ", ".join(f'"{domain}" : {version}' for domain, version in OPSETS.items())
    model = parser.parse_model(f"<ir_version: {IR_VERSION}, opset_import: [{opsets}]>\n{text}")
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return model
