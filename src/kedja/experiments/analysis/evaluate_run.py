"""The complete evaluation of one run, stored in its folder: figures, calibration, robustness, mistakes."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.metadata import MODEL
from kedja.common.files import read_json, write_json
from kedja.data.prepared import PreparedDataset
from kedja.experiments.analysis.corruptions import Robustness, robustness
from kedja.experiments.analysis.evaluation import confusion, evaluate
from kedja.experiments.analysis.graph_facts import graph_facts
from kedja.frameworks.registry import find
from kedja.runs.calibration import calibration, store
from kedja.runs.folder import evaluation_file
from kedja.runs.read import Predictions, Run

MOST_CORRUPTED_IMAGES = 1000
BATCH = 256


def evaluate_run(run: Run, dataset: PreparedDataset, split: str = "validation") -> dict[str, Any]:
    """Everything that is to be said of `run` on `split` ("validation" or "test"), from its stored answers.

    Computed on the first call, stored in the run, read afterwards. The temperature always comes from the
    validation split. Robustness uses at most 1,000 images, spread over the split.
    """
    path = run.directory / evaluation_file(split)
    if path.is_file():
        stored: dict[str, Any] = read_json(path)
        return stored
    predictions = run.predictions(split)
    temperature = store(run)
    disturbed = find(run.framework).robustness and dataset.stored.has_pixels
    corrupted = _robustness(run, dataset, predictions) if disturbed else None
    evaluation = evaluate(predictions, dataset.classes)
    result = {
        "split": split,
        **asdict(evaluation),
        **graph_facts(run, dataset, evaluation.mistakes),
        "confusion": confusion(predictions.labels, predictions.logits.argmax(axis=1), len(dataset.classes)).tolist(),
        "calibration": {
            "before": asdict(calibration(predictions)),
            "after": asdict(calibration(predictions, temperature)),
        },
        "effects": _effects(run, dataset, predictions),
        "robustness": [asdict(one) for one in corrupted] if corrupted is not None else None,
    }
    write_json(path, result)
    return result


def _robustness(run: Run, dataset: PreparedDataset, predictions: Predictions) -> list[Robustness]:
    answer = find(run.framework).load(run.directory)

    def predict(images: NDArray[np.uint8]) -> NDArray[np.int64]:
        parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        return np.concatenate([answer(dataset.spec.feed(part)).argmax(axis=1) for part in parts])

    index_of = {identity: index for index, identity in enumerate(dataset.ids)}
    every = max(1, len(predictions.ids) // MOST_CORRUPTED_IMAGES)
    chosen = slice(None, None, every)
    images = dataset.pixels(np.array([index_of[str(identity)] for identity in predictions.ids[chosen]]))
    return robustness(images, predictions.labels[chosen], predict)


def _effects(run: Run, dataset: PreparedDataset, predictions: Predictions) -> dict[str, Any]:
    """What the answers hang on, asked of the graph that will be served."""
    if not dataset.stored.has_effects:
        return {}
    index_of = {identity: index for index, identity in enumerate(dataset.ids)}
    positions = np.array([index_of[str(identity)] for identity in predictions.ids])
    with tempfile.TemporaryDirectory() as folder:
        answers = find(run.framework).write(run.directory, Path(folder))[MODEL]
        return dataset.stored.effects(positions, predictions.labels, lambda feed: answers(feed)[1])


def read_stored(run: Path, split: str) -> dict[str, Any] | None:
    """The stored evaluation of `run` on `split`, if there is one."""
    path = run / evaluation_file(split)
    return read_json(path) if path.is_file() else None
