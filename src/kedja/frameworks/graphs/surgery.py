"""Find tensors of an ONNX graph, make them outputs, and append computations."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper, parser

from kedja.bundle.inputs.input import Feed

# What baselines call the features that their pipeline is fitted on (`kedja.baselines.onnx_graph`).
FITTED_ON = "x"
_PASSED_THROUGH = ("Identity", "Cast", "Squeeze", "QuantizeLinear", "DequantizeLinear")
_SCALED = ("Mul", "Div", "Add", "Sub")

Outputs = Callable[[Feed], list[NDArray[Any]]]


def features_of(model: onnx.ModelProto) -> str | None:
    """The tensor (N, D) that the last linear layer takes, or a baseline's pipeline; None where there is neither."""
    graph = model.graph
    made_by = producers(model)
    fixed = {one.name for one in graph.initializer} | {
        name for name, node in made_by.items() if node.op_type == "Constant"
    }
    name = "logits"
    while (node := made_by.get(name)) is not None:
        constant = [_is_fixed(one, made_by, fixed) for one in node.input]
        if node.op_type in ("Gemm", "MatMul") and constant[1:2] == [True]:
            return str(node.input[0])
        if node.op_type in _PASSED_THROUGH:
            name = node.input[0]
        elif node.op_type in _SCALED and sum(constant) == 1:
            name = node.input[constant.index(False)]
        else:
            break
    return FITTED_ON if FITTED_ON in made_by else None


def producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """Tensor → the node that makes it."""
    return {output: node for node in model.graph.node for output in node.output}


def _is_fixed(name: str, made_by: Mapping[str, onnx.NodeProto], fixed: set[str]) -> bool:
    while name not in fixed:
        node = made_by.get(name)
        if node is None or node.op_type not in ("DequantizeLinear", "Identity", "Transpose", "Cast"):
            return False
        name = node.input[0]
    return True


def dtype_of(model: onnx.ModelProto, name: str) -> int:
    """ONNX's number of a tensor's element type; float32 where inference does not say."""
    return types_of(model)[name].tensor_type.elem_type if name in types_of(model) else TensorProto.FLOAT


def types_of(model: onnx.ModelProto) -> dict[str, onnx.TypeProto]:
    """Type and shape of the tensors in between, as far as they can be inferred."""
    return {one.name: one.type for one in onnx.shape_inference.infer_shapes(model).graph.value_info}


def add_output(model: onnx.ModelProto, name: str) -> None:
    """Let a session be asked for the tensor `name` too."""
    if name not in {one.name for one in model.graph.output}:
        shapeless = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
        model.graph.output.append(helper.make_value_info(name, types_of(model).get(name, shapeless)))


def append(
    model: onnx.ModelProto,
    text: str,
    constants: Mapping[str, NDArray[Any]],
    sources: Sequence[str],
    *,
    output: str,
    prefix: str,
) -> None:
    """Append a graph in ONNX's textual syntax with one output.

    Args:
        constants: its initializers.
        sources: the tensors that it takes.
        output: what its output is called.
        prefix: of the names of everything in between.
    """
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    part = parser.parse_model(f'<ir_version: {model.ir_version}, opset_import: ["" : {opset}]>\n{text}').graph
    part.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    renamed = {f"{prefix}{one.name}": source for one, source in zip(part.input, sources, strict=True)}
    renamed[f"{prefix}{part.output[0].name}"] = output
    compose.add_prefix_graph(part, prefix, inplace=True)
    for node in part.node:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
    model.graph.node.extend(part.node)
    model.graph.initializer.extend(part.initializer)
    shape = part.output[0].type.tensor_type
    model.graph.output.append(onnx.ValueInfoProto(name=output, type=onnx.TypeProto(tensor_type=shape)))


def write(model: onnx.ModelProto, path: Path) -> None:
    """Check the model and write it, the same bytes for the same model."""
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def outputs(model: onnx.ModelProto | Path, *names: str) -> Outputs:
    """A model, or its file, as a function of a feed on the CPU that gives the outputs of these names."""
    content = model.SerializeToString() if isinstance(model, onnx.ModelProto) else model
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda feed: [np.asarray(found) for found in session.run(list(names), feed)]
