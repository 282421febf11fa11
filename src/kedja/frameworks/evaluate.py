"""A finished run's answers on a split of its data set, whatever learnt."""

from pathlib import Path

import numpy as np

from kedja.common.errors import KedjaError
from kedja.data.names import DATA
from kedja.data.prepared import load
from kedja.data.splits.subset import of_run, take
from kedja.frameworks.registry import find
from kedja.runs.read import Predictions, read_run

BATCH = 512


def evaluate(directory: Path, split: str) -> Predictions:
    """What the run answers on ``train``, ``val`` or ``test``, as it divides them; computed on the CPU.

    Raises:
        KedjaError: the run is unfinished, or its data set is missing or has changed since.
    """
    run = read_run(directory)
    data = load(DATA / run.data["name"])
    if data.hash != run.data["hash"]:
        raise KedjaError(
            f"{data.folder}/ has changed since {directory} was trained on it", "train again, or bring the data set back"
        )
    data = take(data, of_run(run.subset, run.seed))
    positions = data.split(split)
    predict = find(run.framework).load(directory)
    parts = [predict(data.read(positions[at : at + BATCH])) for at in range(0, len(positions), BATCH)]
    logits = np.concatenate(parts) if parts else np.empty((0, len(data.classes)), np.float32)
    return Predictions(np.array([data.ids[i] for i in positions], np.str_), data.labels[positions], logits)
