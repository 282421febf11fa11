"""A run whose last layer is solved, not trained: logistic regression on features that are computed once."""

import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kedja.common.errors import KedjaError
from kedja.data.prepared import PreparedDataset
from kedja.runs.folder import METRICS
from kedja.runs.record import Record
from kedja.training.config.schema import SOLVER, AugmentConfig, TrainConfig
from kedja.training.loop.progress import PlainProgress
from kedja.training.loop.trainer import Trainer
from kedja.training.models.classifier import Classifier
from kedja.training.models.predict import score
from kedja.training.optim.layer_groups import BODY, head_name
from kedja.training.probe.features import features
from kedja.training.probe.frozen import Frozen
from kedja.training.probe.linear import Linear, path

# Of which the best begins a network that is trained on: a rough choice does.
HEAD_PENALTIES = 5
# A last layer with its scores on train and val.
Solution = tuple[Linear, dict[str, float], dict[str, float]]


def check_solvable(config: TrainConfig) -> None:
    """Raise a `KedjaError` for settings that a solved layer would not follow, where it is to be solved."""
    if config.optim.name != SOLVER:
        return
    if config.finetune.freeze != BODY:
        raise KedjaError(f"optim={SOLVER} solves the last layer alone", "finetune=head-only (or optim=adamw)")
    if config.augment != AugmentConfig():
        raise KedjaError(f"optim={SOLVER} sees every image once, as it is", "augment=none")
    if not config.model.pretrained and not config.model.init_from:
        raise KedjaError(
            f"optim={SOLVER} needs a network that has learnt", "model.pretrained=true or model.init_from=…"
        )


def fit_probe(trainer: Trainer, progress: PlainProgress) -> None:
    """Fill the trainer's last layer; each strength of the penalty counts as an epoch, and the best one is kept."""
    learner, config, position = trainer.learner, trainer.config, trainer.position
    started = time.perf_counter()
    solutions = solve(learner.classifier, trainer.train_set.data, config)
    with trainer.event_file() as events, progress:
        record = Record(trainer.directory / METRICS, position.history, events)
        for linear, on_train, on_val in solutions:
            position.seconds = time.perf_counter() - started
            line = {
                "epoch": position.epoch + 1,
                "step": position.epoch + 1,
                "train_loss": on_train["loss"],
                "train_accuracy": on_train["accuracy"],
                "val_loss": on_val["loss"],
                "val_accuracy": on_val["accuracy"],
                "learning_rate": 0.0,
                "images_per_second": len(trainer.train_set) * (position.epoch + 1) / position.seconds,
                "seconds": position.seconds,
            }
            set_head(learner.classifier.body, learner.head, linear)
            trainer.remember_best(on_val)
            position.epoch += 1
            record.add(line)
            progress.epoch(line)


def solve(classifier: Classifier, data: PreparedDataset, config: TrainConfig, count: int = 0) -> Iterator[Solution]:
    """A last layer for each of `count` penalties (by default the configured epochs), scored on train and val."""
    classes = len(data.classes)
    frozen = Frozen(classifier, classes, data.spec.shape)
    train, val = (features(frozen, data, data.split(split)) for split in ("train", "val"))
    labels = {split: data.labels[data.split(split)] for split in ("train", "val")}
    balanced = config.loss.class_weights == "balanced" or config.data.sampler == "balanced"
    for linear in path(train, labels["train"], classes, count or config.epochs, balanced=balanced):
        yield linear, _score(linear, train, labels["train"]), _score(linear, val, labels["val"])


def start_solved(classifier: Classifier, data: PreparedDataset, config: TrainConfig) -> None:
    """Give the network the last layer that does best on the validation split, to train on from there."""
    best, _, _ = min(solve(classifier, data, config, HEAD_PENALTIES), key=lambda one: one[2]["loss"])
    set_head(classifier.body, head_name(classifier.body, len(data.classes)), best)


def set_head(body: nn.Module, name: str, linear: Linear) -> None:
    """Make `linear` the network's last layer."""
    head = body.get_submodule(name)
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(linear.weight))
        head.bias.copy_(torch.from_numpy(linear.bias))


def _score(linear: Linear, values: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, float]:
    return score(torch.from_numpy(linear(values)), torch.from_numpy(labels))
