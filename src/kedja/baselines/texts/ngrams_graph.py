"""The counts of `TokenNgrams` as an ONNX graph."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from kedja.baselines.onnx_graph import IR_VERSION, OPSETS
from kedja.baselines.texts.ngrams import TokenNgrams, digits
from kedja.bundle.inputs.text.spec import IDS, MASK

_INT64, _FLOAT64 = onnx.TensorProto.INT64, onnx.TensorProto.DOUBLE


def counts_graph(counting: TokenNgrams) -> onnx.ModelProto:
    """`TokenNgrams.transform`: `input_ids`, `attention_mask` int64 (n, length) → `x` float64 (n, n-grams)."""
    constants = {
        "padding": np.array(counting.padding),
        "zero": np.array(0),
        "one": np.array(1),
        "unity": np.array(1.0),
        "spelling": counting.spelling,
        "flat": np.array([0, -1]),
    }
    node = helper.make_node
    nodes = [
        node("Equal", [IDS, "padding"], ["is_padding"]),
        node("Equal", [MASK, "zero"], ["is_masked"]),
        node("Or", ["is_padding", "is_masked"], ["is_none"]),
        node("Add", [IDS, "one"], ["following"]),
        node("Where", ["is_none", "zero", "following"], ["tokens"]),
        node("Gather", ["spelling", "tokens"], ["spelt"]),
        node("Cast", ["spelt"], ["numbers"], to=_INT64),
        node("Reshape", ["numbers", "flat"], ["characters"]),
        _vectorizer("tokens", "token_counts", digits(counting.token_keys_, counting.bases[0])),
        _vectorizer("characters", "character_counts", digits(counting.character_keys_, counting.bases[1])),
        node("Concat", ["token_counts", "character_counts"], ["counts"], axis=1),
        node("Cast", ["counts"], ["exact"], to=_FLOAT64),
        # 1 + log where there are any, else 0.
        node("Max", ["exact", "unity"], ["positive"]),
        node("Log", ["positive"], ["logarithm"]),
        node("Min", ["exact", "unity"], ["present"]),
        node("Add", ["logarithm", "present"], ["x"]),
    ]
    inputs = [helper.make_tensor_value_info(name, _INT64, ["n", "length"]) for name in (IDS, MASK)]
    output = helper.make_tensor_value_info("x", _FLOAT64, ["n", width(counting)])
    initial = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "ngrams", inputs, [output], initial)
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def _vectorizer(source: str, target: str, grams: dict[int, NDArray[np.int64]]) -> onnx.NodeProto:
    """Counts of n-grams; the operator keeps them by order, as the keys are."""
    orders = range(1, max(grams) + 1)
    sizes = [grams[order].size for order in orders]
    return helper.make_node(
        "TfIdfVectorizer",
        [source],
        [target],
        mode="TF",
        min_gram_length=next(order for order in orders if grams[order].size),
        max_gram_length=max(grams),
        max_skip_count=0,
        ngram_counts=np.cumsum([0, *sizes[:-1]]).tolist(),
        ngram_indexes=list(range(sum(map(len, grams.values())))),
        pool_int64s=np.concatenate([grams[order].ravel() for order in orders]).tolist(),
    )


def width(counting: TokenNgrams) -> int:
    """How many n-grams are counted."""
    return len(counting.token_keys_) + len(counting.character_keys_)
