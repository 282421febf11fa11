"""A finished run's answers on a split of its data set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from kedja.common.errors import KedjaError
from kedja.runs.folder import CONFIG, read_summary
from kedja.training.batches.dataset import ImageDataset
from kedja.training.config.compose import from_json
from kedja.training.config.run_folder import load_data
from kedja.training.models.predict import predict
from kedja.training.models.restore import load_model


@dataclass(frozen=True)
class Evaluation:
    """`ids` (N,), `labels` int64 (N,), `logits` float32 (N, classes)."""

    ids: list[str]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]


def evaluate(run: Path, split: str) -> Evaluation:
    """The best weights' answers on ``train``, ``val`` or ``test``, computed on the CPU.

    Raises:
        KedjaError: the run is unfinished, or its data set is missing or has changed since.
    """
    trained_on = read_summary(run)["data"]
    data = load_data(from_json(run / CONFIG))
    if data.hash != trained_on["hash"]:
        raise KedjaError(
            f"{data.folder}/ has changed since {run} was trained on it", "train again, or bring the data set back"
        )
    dataset = ImageDataset(data, split)
    logits = predict(load_model(run), dataset, torch.device("cpu"))
    return Evaluation(dataset.ids, dataset.labels.numpy(), logits.numpy())
