"""An ONNX file as a function of a feed."""

from pathlib import Path

import onnxruntime

from kedja.bundle.inputs.input import Feed
from kedja.bundle.metadata import OUTPUTS
from kedja.frameworks.framework import Outputs, Runner


def onnx_runner(path: Path) -> Runner:
    """The ONNX file as a function of a feed, on the CPU."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(feed: Feed) -> Outputs:
        logits, probabilities = session.run(list(OUTPUTS), feed)
        return logits, probabilities

    return run
