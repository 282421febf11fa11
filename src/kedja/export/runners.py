"""Models of every format behind one face: a feed → (logits, probabilities)."""

from pathlib import Path

import onnxruntime
import torch
from torch import nn

from kedja.bundle.inputs.input import Feed
from kedja.bundle.metadata import OUTPUTS
from kedja.export.parity import Outputs, Runner


def torch_runner(model: nn.Module) -> Runner:
    """`model` as a function of a feed, whose tensors it takes in their order."""

    def run(feed: Feed) -> Outputs:
        with torch.inference_mode():
            logits, probabilities = model(*map(torch.from_numpy, feed.values()))
        return logits.numpy(), probabilities.numpy()

    return run


def onnx_runner(path: Path) -> Runner:
    """The ONNX file as a function of a feed, on the CPU."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(feed: Feed) -> Outputs:
        logits, probabilities = session.run(list(OUTPUTS), feed)
        return logits, probabilities

    return run
