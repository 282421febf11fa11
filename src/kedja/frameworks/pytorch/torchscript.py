"""TorchScript beside the ONNX file, for programs that embed libtorch.

TorchScript is deprecated upstream in favour of `torch.export`; it stays because deployed C++ and
mobile programs still load nothing else.
"""

import io
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kedja.bundle.inputs.input import Feed, Input
from kedja.bundle.integrity import verify_files, verify_golden
from kedja.bundle.known import Answers
from kedja.bundle.metadata import TORCHSCRIPT, load
from kedja.common.errors import KedjaError
from kedja.common.files import write_bytes
from kedja.frameworks.pytorch.onnx_graph import examples


def write_torchscript(model: nn.Module, expected: Input, path: Path) -> None:
    """Trace `model` on two examples and save it to `path`."""
    with warnings.catch_warnings(), torch.no_grad():
        # The deprecation is known and said in this file's docstring; parity is checked after export.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(model, examples(expected), check_trace=False)  # type: ignore[no-untyped-call]
        content = io.BytesIO()
        torch.jit.save(torch.jit.freeze(traced), content)
    # Written by us: where the disk is full torch's own writer ends the whole process.
    write_bytes(path, content.getvalue())


class TorchScriptModel:
    """Runs a saved TorchScript file: a feed → (logits, probabilities) float32 (N, classes).

    Args:
        path: a file that `write_torchscript` made. TorchScript files hold code: load only your own.

    Raises:
        KedjaError: the file is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise KedjaError(f"{path} does not exist", "export again with `just export`")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._model = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]  # noqa: TID251 -- see above
        except RuntimeError as error:
            raise KedjaError(
                f"{path} is damaged: {str(error).splitlines()[0]}", "export again with `just export`"
            ) from None

    def __call__(self, feed: Feed) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.inference_mode():
            logits, probabilities = self._model(*map(torch.from_numpy, feed.values()))
        return logits.numpy(), probabilities.numpy()


class TorchScriptPredictor:
    """A bundle's TorchScript model behind the face of `kedja.serving.predictor.Predictor`.

    Raises:
        KedjaError: the bundle is missing, damaged or without TorchScript, or the golden examples come out wrong.
    """

    def __init__(self, bundle: Path) -> None:
        self.metadata = load(bundle)
        if TORCHSCRIPT not in self.metadata.files:
            raise KedjaError(f"the bundle {bundle}/ has no TorchScript file", "it is a baseline's: take the ONNX one")
        verify_files(bundle, self.metadata)
        self._model = TorchScriptModel(bundle / TORCHSCRIPT)
        verify_golden(bundle, self.metadata, self.predict)

    def predict(self, feed: Feed) -> NDArray[np.float32]:
        """What `metadata.input` collates → probabilities float32 (N, classes)."""
        return self._model(feed)[1]

    def answer(self, feed: Feed) -> Answers:
        """`predict` alone: TorchScript files do not score how familiar an example is."""
        return Answers(self.predict(feed))

    def knows(self, answers: Answers) -> None:
        """It cannot tell."""
