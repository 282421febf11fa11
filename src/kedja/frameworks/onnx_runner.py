"""An ONNX file as a function of arrays."""

from pathlib import Path

import onnxruntime

from kedja.bundle.metadata import OUTPUTS
from kedja.frameworks.framework import Feed, Outputs, Runner


def onnx_runner(path: Path) -> Runner:
    """The ONNX file as a function of arrays, on the CPU."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(images: Feed) -> Outputs:
        logits, probabilities = session.run(list(OUTPUTS), {"image": images})
        return logits, probabilities

    return run
