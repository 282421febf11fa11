"""A PyTorch module → one ONNX file with a dynamic batch."""

import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from kedja.bundle.image_spec import ImageSpec
from kedja.bundle.metadata import OUTPUTS


def write_onnx(model: nn.Module, spec: ImageSpec, path: Path) -> None:
    """Export `model` to `path`: input `image` uint8 (n, H, W, C), outputs `logits` and `probabilities`.

    The file is self-contained (no `.data` file beside it) and holds no trace of the machine that
    made it: the exporter's stack traces and node annotations are removed.
    """
    # Two images: the exporter would take a batch of one for a constant.
    example = torch.zeros((2, *spec.shape), dtype=torch.uint8)
    with warnings.catch_warnings():
        # The exporter warns of its own libraries' deprecations; nothing a user could act on.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            (example,),
            input_names=["image"],
            output_names=list(OUTPUTS),
            dynamic_shapes={"image": {0: torch.export.Dim("n")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    _strip_annotations(graph)
    onnx.checker.check_model(graph, full_check=True)
    path.write_bytes(graph.SerializeToString(deterministic=True))


def _strip_annotations(model: onnx.ModelProto) -> None:
    graph = model.graph
    for item in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    for function in model.functions:
        for node in function.node:
            node.ClearField("metadata_props")
            node.ClearField("doc_string")
