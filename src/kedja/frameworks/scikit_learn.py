"""scikit-learn as a framework: the pipelines of `kedja.baselines`. Loads no scikit-learn before there is work."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kedja.baselines import pipeline as fitted
from kedja.baselines.registry import Choice
from kedja.bundle.image_spec import ImageSpec
from kedja.bundle.metadata import MODEL
from kedja.data.prepared import PreparedDataset
from kedja.frameworks.framework import Feed, Framework, Predict, Runner
from kedja.runs.read import read_provenance


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
        return fitted.logits(pipeline, fitted.features(feed), classes)

    return predict


def write(run: Path, folder: Path) -> dict[str, Runner]:
    """`model.onnx`, which computes in float64 as scikit-learn does."""
    from kedja.baselines.onnx_graph import write_pipeline
    from kedja.frameworks.onnx_runner import onnx_runner

    facts = read_provenance(run)["data"]
    write_pipeline(fitted.load(run), ImageSpec.from_json(facts["image"]), len(facts["classes"]), folder / MODEL)
    return {MODEL: onnx_runner(folder / MODEL)}


SKLEARN = Framework("sklearn", fit, load, write, weights=fitted.PIPELINE, is_baseline=True)
