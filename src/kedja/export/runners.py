"""Models of every format behind one face: uint8 (N, H, W, C) → (logits, probabilities)."""

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from kedja.bundle.metadata import OUTPUTS
from kedja.export.parity import Outputs, Runner


def torch_runner(model: nn.Module) -> Runner:
    """`model` as a function of arrays: uint8 (N, H, W, C) → (logits, probabilities)."""

    def run(images: NDArray[np.uint8]) -> Outputs:
        with torch.inference_mode():
            logits, probabilities = model(torch.from_numpy(images))
        return logits.numpy(), probabilities.numpy()

    return run


def onnx_runner(path: Path) -> Runner:
    """The ONNX file as a function of arrays, on the CPU."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(images: NDArray[np.uint8]) -> Outputs:
        logits, probabilities = session.run(list(OUTPUTS), {"image": images})
        return logits, probabilities

    return run
