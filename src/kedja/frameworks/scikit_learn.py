"""scikit-learn as a framework: the pipelines of `kedja.baselines`. Loads no scikit-learn before there is work."""

from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from kedja.baselines import pipeline as fitted
from kedja.baselines.registry import Choice
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.inputs.input import Feed
from kedja.bundle.metadata import MODEL
from kedja.data.prepared import PreparedDataset
from kedja.frameworks.framework import Framework, Predict, Runner
from kedja.runs.calibration import temperature_of
from kedja.runs.read import read_input, read_provenance


def fit(config: Choice, data: PreparedDataset, folder: Path) -> None:
    """Search the grid of a baseline."""
    from kedja.baselines.fit import fit as search

    search(config, data, folder)


def load(run: Path) -> Predict:
    """The pipeline that won.

    Raises:
        KedjaError: the run's files are missing or damaged.
    """
    pipeline, classes = fitted.load(run), len(read_provenance(run)["data"]["classes"])

    def predict(feed: Feed) -> NDArray[np.float32]:
        return fitted.logits(pipeline, fitted.features(feed["image"]), classes)

    return predict


def write(run: Path, folder: Path) -> dict[str, Runner]:
    """`model.onnx`, which computes in float64 as scikit-learn does."""
    from kedja.baselines.onnx_graph import write_pipeline
    from kedja.frameworks.onnx_runner import onnx_runner

    classes = len(read_provenance(run)["data"]["classes"])
    write_pipeline(fitted.load(run), cast(ImageSpec, read_input(run)), classes, folder / MODEL, temperature_of(run))
    return {MODEL: onnx_runner(folder / MODEL)}


SKLEARN = Framework("sklearn", fit, load, write, weights=fitted.PIPELINE, is_baseline=True)
