"""What follows the last feature map of a network, as a graph of its own: for `kedja.bundle.explanation`."""

import onnx
from onnx import utils

from kedja.bundle.explanation import ACTIVATIONS
from kedja.frameworks.graphs import surgery

# A head is a pooling, some layers and what lies between them; what is longer takes long to run for every cell.
_MOST_NODES = 30
_FEWEST_CELLS, _MOST_CELLS = 4, 1024
_RANK = 4


def split_head(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Let `model` give its last feature map as the output `activations`, and return the graph from there to `logits`.

    None, and the model stays as it is, where the logits do not all come from one feature map (N, C, H, W) through a
    few nodes: of transformers, of baselines.
    """
    name = _last_feature_map(model)
    if name is None:
        return None
    _rename(model, name)
    surgery.add_output(model, ACTIVATIONS)
    apart = onnx.shape_inference.infer_shapes(model)
    for node in apart.graph.node:
        if _is_batch_size(node):
            node.input[0] = ACTIVATIONS
    return utils.Extractor(apart).extract_model([ACTIVATIONS], ["logits"])


def _last_feature_map(model: onnx.ModelProto) -> str | None:
    """The last tensor of four dimensions through which everything goes that the logits depend on."""
    made_by, place = surgery.producers(model), {id(node): at for at, node in enumerate(model.graph.node)}
    fixed = _same_for_every_example(model)
    shapes = _shapes(model)
    open_ends, nodes = {"logits"}, 0
    while open_ends and nodes <= _MOST_NODES:
        if len(open_ends) == 1 and _is_feature_map(shapes.get(next(iter(open_ends)), ())):
            # Else it is pixels, whatever their layout.
            return next(iter(open_ends)) if _is_convolved(next(iter(open_ends)), made_by) else None
        known = [name for name in open_ends if name in made_by]
        if not known:
            return None
        last = max(known, key=lambda name: place[id(made_by[name])])
        node = made_by[last]
        open_ends -= set(node.output)
        open_ends |= set(node.input) - fixed
        nodes += 1
    return None


def _is_convolved(name: str, made_by: dict[str, onnx.NodeProto]) -> bool:
    waiting, seen = [name], {name}
    while waiting:
        node = made_by.get(waiting.pop())
        if node is None:
            continue
        if node.op_type == "Conv":
            return True
        waiting += set(node.input) - seen
        seen |= set(node.input)
    return False


def _same_for_every_example(model: onnx.ModelProto) -> set[str]:
    """Tensors that depend on no example: weights, and what is computed of them and of the batch's size."""
    found = {one.name for one in model.graph.initializer} | {""}
    for node in model.graph.node:
        if node.op_type == "Constant" or _is_batch_size(node) or (node.input and found.issuperset(node.input)):
            found |= set(node.output)
    return found


def _is_batch_size(node: onnx.NodeProto) -> bool:
    """Exporters write N where a tensor is laid out anew; it is that of the feature map as well."""
    bounds = {one.name: one.i for one in node.attribute}
    return node.op_type == "Shape" and bounds.get("start", 0) == 0 and bounds.get("end") == 1


def _is_feature_map(shape: tuple[int, ...]) -> bool:
    return len(shape) == _RANK and shape[1] > 0 and _FEWEST_CELLS <= shape[2] * shape[3] <= _MOST_CELLS


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Of every tensor that has one; 0 stands for a dimension that varies."""
    types = surgery.types_of(model).items()
    return {name: tuple(size.dim_value for size in one.tensor_type.shape.dim) for name, one in types}


def _rename(model: onnx.ModelProto, name: str) -> None:
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [ACTIVATIONS if one == name else one for one in names]
    for info in model.graph.value_info:
        if info.name == name:
            info.name = ACTIVATIONS
