"""PyTorch as a framework. Loads no torch before there is something to do."""

from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed
from kedja.bundle.metadata import MODEL, TORCHSCRIPT
from kedja.data.prepared import PreparedDataset
from kedja.frameworks.framework import Framework, Predict, Runner
from kedja.runs.calibration import temperature_of
from kedja.runs.folder import BEST
from kedja.runs.read import read_input

if TYPE_CHECKING:
    from kedja.training.config.schema import TrainConfig


# Kind of the examples → the module that is exported: what the input's tensors say in, logits and probabilities out.
EXPORTED = {
    "image": "kedja.frameworks.pytorch.pixel_model:PixelModel",
    "text": "kedja.frameworks.pytorch.text_model:TextModel",
}


def fit(config: "TrainConfig", data: PreparedDataset, folder: Path) -> None:
    """Train, or continue, the run of `config` in `folder`; under `torchrun`, as one process of several."""
    from kedja.training.loop.train import fit as train

    train(config, data, folder)


def load(run: Path) -> Predict:
    """The network of the best epoch.

    Raises:
        KedjaError: the run's files are missing or damaged.
    """
    import torch

    from kedja.training.models.restore import load_model

    model = load_model(run)

    def predict(feed: Feed) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits: NDArray[np.float32] = model(*map(torch.from_numpy, feed.values())).numpy()
        return logits

    return predict


def write(run: Path, folder: Path) -> dict[str, Runner]:
    """`model.onnx`, and TorchScript beside it."""
    from kedja.frameworks.onnx_runner import onnx_runner
    from kedja.frameworks.pytorch.onnx_graph import write_onnx
    from kedja.frameworks.pytorch.torchscript import TorchScriptModel, write_torchscript
    from kedja.training.models.restore import load_model

    expected = read_input(run)
    model = resolve_name(EXPORTED[expected.kind])(load_model(run), temperature_of(run)).eval()
    write_onnx(model, expected, folder / MODEL)
    write_torchscript(model, expected, folder / TORCHSCRIPT)
    return {MODEL: onnx_runner(folder / MODEL), TORCHSCRIPT: TorchScriptModel(folder / TORCHSCRIPT)}


TORCH = Framework(
    "torch",
    fit,
    load,
    write,
    weights=BEST,
    formats=("ONNX", "TorchScript"),
    has_learning_curve=True,
    robustness=True,
    int8=True,
    reproduces=True,
)
