"""What is exported, whatever trained it: a reference to compare with, and the files that must answer like it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kedja.baselines import pipeline as fitted
from kedja.bundle.inputs.input import Feed
from kedja.bundle.metadata import MODEL, TORCHSCRIPT
from kedja.data.prepared import PreparedDataset
from kedja.export.onnx_graph import write_onnx
from kedja.export.parity import Outputs, Runner
from kedja.export.pixel_model import PixelModel
from kedja.export.runners import onnx_runner, torch_runner
from kedja.export.torchscript import TorchScriptModel, write_torchscript
from kedja.training.models.restore import load_model


@dataclass(frozen=True)
class Model:
    """Attributes:
    formats: what `write` writes, for people.
    reference: the trained model as its own framework runs it.
    write: writes the model's files into a folder; their names → how they answer, read back.
    """

    formats: str
    reference: Runner
    write: Callable[[Path], dict[str, Runner]]


def open_model(run: Path, kind: str, dataset: PreparedDataset) -> Model:
    """The model of a finished run: ``training`` made a network, ``baseline`` a scikit-learn pipeline.

    Raises:
        KedjaError: the run's files are missing or damaged.
    """
    return _pipeline(run, dataset) if kind == "baseline" else _network(run, dataset)


def _network(run: Path, dataset: PreparedDataset) -> Model:
    model = PixelModel(load_model(run)).eval()

    def write(folder: Path) -> dict[str, Runner]:
        write_onnx(model, dataset.input, folder / MODEL)
        write_torchscript(model, dataset.input, folder / TORCHSCRIPT)
        return {MODEL: onnx_runner(folder / MODEL), TORCHSCRIPT: TorchScriptModel(folder / TORCHSCRIPT)}

    return Model("ONNX and TorchScript", torch_runner(model), write)


def _pipeline(run: Path, dataset: PreparedDataset) -> Model:
    from scipy.special import softmax

    from kedja.baselines.onnx_graph import write_pipeline

    pipeline, classes = fitted.load(run), len(dataset.classes)

    def reference(feed: Feed) -> Outputs:
        logits = fitted.logits(pipeline, fitted.features(feed["image"]), classes)
        return logits, softmax(logits, axis=1)

    def write(folder: Path) -> dict[str, Runner]:
        write_pipeline(pipeline, dataset.spec, classes, folder / MODEL)
        return {MODEL: onnx_runner(folder / MODEL)}

    return Model("ONNX", reference, write)
