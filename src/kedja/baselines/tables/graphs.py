"""The table models as ONNX graphs that compute in float64, as they do, from the Input's two tensors."""

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from kedja.baselines.onnx_graph import IR_VERSION, OPSETS, Constants, parse
from kedja.baselines.representation import Front
from kedja.baselines.tables.growing import Boosting, Forest, TreeModel
from kedja.baselines.tables.linear import Pieces
from kedja.baselines.tables.trees import LEAF, MOST_CATEGORIES, Trees
from kedja.bundle.inputs.table.spec import NUMBERS, TableInput

# The first version in which trees ask for a set of categories, and answer in float64.
_ML = 5
_DOUBLE = onnx.TensorProto.DOUBLE
_AT_MOST, _IS_MEMBER = 0, 6

_TABLE = """table ({inputs}) => (double[n, {features}] x) {{
  {exact}
  x = Concat <axis = 1> ({names})
}}"""
_PIECES = """pieces (double[n, {given}] rows) => (double[n, {features}] x) {{
  numbers = Gather <axis = 1> (rows, number_places)
  picked = Gather <axis = 1> (rows, places)
  above = Sub (picked, low)
  shares = Div (above, width)
  clipped = Clip (shares, zero, one)
  lost = IsNaN (picked)
  pieces = Where (lost, zero, clipped)
  gone = IsNaN (numbers)
  missing = Cast <to = 11> (gone)
  codes = Gather <axis = 1> (rows, columns)
  equal = Equal (codes, wanted)
  chosen = Cast <to = 11> (equal)
  x = Concat <axis = 1> (pieces, missing, chosen)
}}"""


def front(pipeline: Any, expected: TableInput) -> Front:
    """The graph before the pipeline's last step, which skl2onnx writes where it is no tree model."""
    start = _table(expected)
    width = sum(int(tensor.shape[0]) for tensor in expected.tensors)
    (_, first), *following = pipeline.steps
    if isinstance(first, TreeModel):
        return Front(_stamped(start), width, pipeline, _trees(first, width))
    from sklearn.pipeline import Pipeline

    pieces: Pieces = first
    after = onnx.compose.add_prefix(_pieces(pieces, width), "pieces_")
    graph = onnx.compose.merge_models(start, after, io_map=[("table_x", "pieces_rows")])
    return Front(graph, pieces.width, Pipeline(following))


def _table(expected: TableInput) -> onnx.ModelProto:
    """`numbers` and `codes` → `table_x` float64 (n, columns)."""
    types = {"float64": "double", "int32": "int32"}
    inputs = ", ".join(f"{types[one.dtype]}[n, {one.shape[0]}] {one.name}" for one in expected.tensors)
    exact = "\n  ".join(
        f"exact_{one.name} = {'Identity' if one.name == NUMBERS else 'Cast <to = 11>'} ({one.name})"
        for one in expected.tensors
    )
    width = sum(int(one.shape[0]) for one in expected.tensors)
    names = ", ".join(f"exact_{one.name}" for one in expected.tensors)
    text = _TABLE.format(inputs=inputs, features=width, exact=exact, names=names)
    return parse(text.replace("] x)", "] table_x)").replace("  x = ", "  table_x = "), {})


def _pieces(pieces: Pieces, given: int) -> onnx.ModelProto:
    constants: Constants = {
        "number_places": np.arange(pieces.numbers),
        "places": pieces.places_,
        "low": pieces.low_,
        "width": pieces.width_,
        "columns": pieces.columns_,
        "wanted": pieces.codes_,
        "zero": np.array(0.0),
        "one": np.array(1.0),
    }
    return parse(_PIECES.format(given=given, features=pieces.width), constants)


def _trees(model: TreeModel, features: int) -> onnx.ModelProto:
    """`fitted_x` float64 (n, features) → `fitted_known` float64 (n, classes)."""
    node = helper.make_node
    constants: Constants = {
        "least": np.array([0.0] * features),
        "most": np.array([np.inf] * model.numbers + [float(MOST_CATEGORIES - 1)] * (features - model.numbers)),
        "is_code": np.array([False] * model.numbers + [True] * (features - model.numbers)),
        "nothing": np.array(np.nan),
        "base": model.base_,
        "unity": np.array(1.0),
    }
    nodes = [
        node("Less", ["fitted_x", "least"], ["below"]),
        node("Greater", ["fitted_x", "most"], ["beyond"]),
        node("Or", ["below", "beyond"], ["outside"]),
        node("And", ["outside", "is_code"], ["lost"]),
        node("Where", ["lost", "nothing", "fitted_x"], ["known_codes"]),
    ]
    compared = "known_codes"
    if isinstance(model, Forest):
        nodes += [
            node("Cast", [compared], ["single"], to=onnx.TensorProto.FLOAT),
            node("Cast", ["single"], ["compared"], to=_DOUBLE),
        ]
        compared = "compared"
    nodes += [ensemble(model.trees, compared, "sums", len(model.base_)), node("Add", ["sums", "base"], ["raw"])]
    nodes += _linked(isinstance(model, Boosting), len(model.base_))
    inputs = [helper.make_tensor_value_info("fitted_x", _DOUBLE, ["n", features])]
    outputs = [helper.make_tensor_value_info("fitted_known", _DOUBLE, ["n", len(model.classes_)])]
    initial = [numpy_helper.from_array(value, f"fitted_{name}") for name, value in constants.items()]
    for one in nodes:
        one.input[:] = [f"fitted_{name}" if name in constants else name for name in one.input]
    return _stamped(helper.make_model(helper.make_graph(nodes, "trees", inputs, outputs, initial)))


def _linked(boosted: bool, outputs: int) -> list[onnx.NodeProto]:
    """`TreeModel.linked` of `raw`."""
    node = helper.make_node
    if outputs > 1:
        softmax = node("Softmax", ["raw"], ["fitted_known"], axis=1)
        return [softmax if boosted else node("Identity", ["raw"], ["fitted_known"])]
    share = [
        node("Neg", ["raw"], ["opposite"]),
        node("Exp", ["opposite"], ["odds"]),
        node("Add", ["odds", "unity"], ["whole"]),
        node("Div", ["unity", "whole"], ["positive"]),
    ]
    plain = [node("Identity", ["raw"], ["positive"])]
    return [
        *(share if boosted else plain),
        node("Sub", ["unity", "positive"], ["negative"]),
        node("Concat", ["negative", "positive"], ["fitted_known"], axis=1),
    ]


def ensemble(trees: Trees, source: str, target: str, outputs: int) -> onnx.NodeProto:
    """The node `TreeEnsemble`: sums of leaves in float64; inner nodes and leaves are numbered apart."""
    leaf = trees.feature == LEAF
    number = np.where(leaf, np.cumsum(leaf), np.cumsum(~leaf)) - 1
    inner = np.flatnonzero(~leaf)
    left, right = trees.left[inner], trees.right[inner]
    owner = np.searchsorted(trees.roots, np.arange(len(leaf)), side="right") - 1
    sets = [float(code) for node in inner if trees.by_category[node] for code in [*trees.codes_left(node), np.nan]]
    members = {"membership_values": numpy_helper.from_array(np.array(sets))} if sets else {}
    by_category = trees.by_category[inner]
    return helper.make_node(
        "TreeEnsemble",
        [source],
        [target],
        domain="ai.onnx.ml",
        n_targets=outputs,
        aggregate_function=1,
        post_transform=0,
        tree_roots=number[trees.roots].tolist(),
        nodes_modes=numpy_helper.from_array(np.where(by_category, _IS_MEMBER, _AT_MOST).astype(np.uint8)),
        nodes_featureids=trees.feature[inner].tolist(),
        nodes_splits=numpy_helper.from_array(np.where(by_category, 0.0, trees.threshold[inner])),
        nodes_truenodeids=number[left].tolist(),
        nodes_trueleafs=leaf[left].astype(np.int64).tolist(),
        nodes_falsenodeids=number[right].tolist(),
        nodes_falseleafs=leaf[right].astype(np.int64).tolist(),
        nodes_missing_value_tracks_true=trees.missing_left[inner].astype(np.int64).tolist(),
        leaf_targetids=trees.targets[owner[leaf]].tolist(),
        leaf_weights=numpy_helper.from_array(trees.value[leaf]),
        **members,
    )


def _stamped(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same, of the version of the operators that trees need."""
    model.ir_version = IR_VERSION
    del model.opset_import[:]
    model.opset_import.extend([helper.make_opsetid("", OPSETS[""]), helper.make_opsetid("ai.onnx.ml", _ML)])
    return model
