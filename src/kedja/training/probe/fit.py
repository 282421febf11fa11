"""A run whose last layer is solved, not trained: logistic regression on features that are computed once."""

import time

import numpy as np
import torch
from numpy.typing import NDArray

from kedja.common.errors import KedjaError
from kedja.runs.events import EventFile
from kedja.runs.folder import METRICS
from kedja.runs.record import Record
from kedja.training.config.schema import AugmentConfig, TrainConfig
from kedja.training.loop.progress import PlainProgress
from kedja.training.loop.trainer import Trainer
from kedja.training.models.predict import score
from kedja.training.optim.layer_groups import BODY
from kedja.training.probe.features import features
from kedja.training.probe.frozen import Frozen
from kedja.training.probe.linear import Linear, path

SOLVER = "lbfgs"


def check_solvable(config: TrainConfig) -> None:
    """Raise a `KedjaError` for settings that a solved layer would not follow, where it is to be solved."""
    if config.optim.name != SOLVER:
        return
    if config.finetune.freeze != BODY:
        raise KedjaError(f"optim={SOLVER} solves the last layer alone", "finetune=head-only (or optim=adamw)")
    if config.augment != AugmentConfig():
        raise KedjaError(f"optim={SOLVER} sees every image once, as it is", "augment=none")
    if not config.model.pretrained and not config.model.init_from:
        raise KedjaError(f"optim={SOLVER} needs a network that has learnt", "model.pretrained=true or model.init_from=…")


def fit_probe(trainer: Trainer, progress: PlainProgress) -> None:
    """Fill the trainer's last layer; each strength of the penalty counts as an epoch, and the best one is kept."""
    learner, config, position = trainer.learner, trainer.config, trainer.position
    data, classes = trainer.train_set.data, trainer.train_set.classes
    started = time.perf_counter()
    frozen = Frozen(learner.classifier, classes, data.spec.shape)
    train, val = (features(frozen, data, data.split(split)) for split in ("train", "val"))
    labels = {split: data.labels[data.split(split)] for split in ("train", "val")}
    balanced = config.loss.class_weights == "balanced" or config.data.sampler == "balanced"
    with trainer.event_file() as events, progress:
        record = Record(trainer.directory / METRICS, position.history, events)
        for linear in path(train, labels["train"], classes, config.epochs, balanced=balanced):
            on_train, on_val = _score(linear, train, labels["train"]), _score(linear, val, labels["val"])
            position.seconds = time.perf_counter() - started
            line = {
                "epoch": position.epoch + 1,
                "step": position.epoch + 1,
                "train_loss": on_train["loss"],
                "train_accuracy": on_train["accuracy"],
                "val_loss": on_val["loss"],
                "val_accuracy": on_val["accuracy"],
                "learning_rate": 0.0,
                "images_per_second": len(train) * (position.epoch + 1) / position.seconds,
                "seconds": position.seconds,
            }
            set_head(trainer, linear)
            trainer.remember_best(on_val)
            position.epoch += 1
            record.add(line)
            progress.epoch(line)


def set_head(trainer: Trainer, linear: Linear) -> None:
    """Make `linear` the network's last layer."""
    head = trainer.learner.classifier.body.get_submodule(trainer.learner.head)
    assert isinstance(head, torch.nn.Linear)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(linear.weight))
        head.bias.copy_(torch.from_numpy(linear.bias))


def _score(linear: Linear, values: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, float]:
    return score(torch.from_numpy(linear(values)), torch.from_numpy(labels))
