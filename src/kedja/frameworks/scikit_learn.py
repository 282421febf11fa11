"""scikit-learn as a framework: the pipelines of `kedja.baselines`. Loads no scikit-learn before there is work."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kedja.baselines import pipeline as fitted
from kedja.baselines.registry import Choice, find
from kedja.baselines.representation import Representation
from kedja.bundle.inputs.input import Feed
from kedja.bundle.metadata import MODEL
from kedja.common.files import read_json
from kedja.data.prepared import PreparedDataset
from kedja.frameworks.framework import Framework, Predict, Runner
from kedja.runs.calibration import temperature_of
from kedja.runs.folder import CONFIG
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
    pipeline, represented = fitted.load(run), representation(run)
    classes = len(read_provenance(run)["data"]["classes"])

    def predict(feed: Feed) -> NDArray[np.float32]:
        return fitted.logits(pipeline, represented.features(feed), classes)

    return predict


def write(run: Path, folder: Path) -> dict[str, Runner]:
    """`model.onnx`, which computes in float64 as scikit-learn does."""
    from kedja.baselines.onnx_graph import write_pipeline
    from kedja.frameworks.onnx_runner import onnx_runner

    classes = len(read_provenance(run)["data"]["classes"])
    pipeline = fitted.load(run)
    front = representation(run).front(pipeline, read_input(run))
    write_pipeline(front, pipeline.classes_, classes, folder / MODEL, temperature_of(run))
    return {MODEL: onnx_runner(folder / MODEL)}


def representation(run: Path) -> Representation:
    """What the run's pipeline was fitted on."""
    return find(read_json(run / CONFIG)["baseline"]).representation


SKLEARN = Framework("sklearn", fit, load, write, weights=fitted.PIPELINE, is_baseline=True)
