"""A PyTorch module → one ONNX file with a dynamic batch."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from kedja.bundle.inputs.input import Input, Tensor
from kedja.bundle.metadata import OUTPUTS


def write_onnx(model: nn.Module, expected: Input, path: Path) -> None:
    """Export `model`, which takes `expected.tensors` in their order, to `path`; outputs `logits` and `probabilities`.

    The file is self-contained (no `.data` file beside it) and holds no trace of the machine that
    made it: the exporter's stack traces and node annotations are removed.
    """
    tensors = expected.tensors
    with warnings.catch_warnings(), _operation_by_operation():
        # The exporter warns of its own libraries' deprecations; nothing a user could act on.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            examples(expected),
            input_names=[tensor.name for tensor in tensors],
            output_names=list(OUTPUTS),
            dynamic_shapes=_dynamic_shapes(tensors),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    _strip_annotations(graph)
    onnx.checker.check_model(graph, full_check=True)
    path.write_bytes(graph.SerializeToString(deterministic=True))


@contextmanager
def _operation_by_operation() -> Iterator[None]:
    """A transformer's layers as what they consist of: their one fused operation has no form in ONNX."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def examples(expected: Input) -> tuple[torch.Tensor, ...]:
    """Two examples of zeros: a batch of one would be taken for a constant, and so would dimensions of one that vary."""
    shapes = [(2, *(size if isinstance(size, int) else 8 for size in tensor.shape)) for tensor in expected.tensors]
    types = [getattr(torch, tensor.dtype) for tensor in expected.tensors]
    return tuple(torch.zeros(shape, dtype=dtype) for shape, dtype in zip(shapes, types, strict=True))


def _dynamic_shapes(tensors: tuple[Tensor, ...]) -> tuple[dict[int, Any], ...]:
    """N, and the dimensions that a word stands for; equal words are one dimension."""
    words = {size for tensor in tensors for size in tensor.shape if isinstance(size, str)}
    named = {word: torch.export.Dim(word) for word in ("n", *sorted(words))}
    return tuple(
        {0: named["n"], **{place: named[size] for place, size in enumerate(tensor.shape, 1) if isinstance(size, str)}}
        for tensor in tensors
    )


def _strip_annotations(model: onnx.ModelProto) -> None:
    graph = model.graph
    for item in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    for function in model.functions:
        for node in function.node:
            node.ClearField("metadata_props")
            node.ClearField("doc_string")
