"""The head of a bundle's network as a graph of its own, by which answers are explained quickly."""

from pathlib import Path

import onnx

from kedja.bundle.explanation import HEAD
from kedja.bundle.metadata import MODEL
from kedja.frameworks.graphs import surgery
from kedja.frameworks.graphs.head import split_head


def write_head(folder: Path) -> None:
    """Write `head.onnx` where `model.onnx` has a last feature map, which becomes an output of it."""
    model = onnx.load(str(folder / MODEL))
    head = split_head(model)
    if head is not None:
        surgery.write(model, folder / MODEL)
        surgery.write(head, folder / HEAD)
