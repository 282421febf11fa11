"""A run whose last layer is solved, not trained: each penalty counts as an epoch, and the best one is kept."""

import time

import numpy as np

from kedja.runs.folder import METRICS
from kedja.runs.record import Record
from kedja.training.kinds import taken
from kedja.training.loop.trainer import Trainer
from kedja.training.probe.apart import remark
from kedja.training.probe.features import features
from kedja.training.probe.linear import strengths
from kedja.training.probe.solve import set_head, solve


def fit_probe(trainer: Trainer) -> None:
    """Fill the trainer's last layer and its record, as `Trainer.fit` would."""
    learner, config, position = trainer.learner, trainer.config, trainer.position
    started = time.perf_counter()
    solutions = solve(learner.classifier, trainer.train_set.data, config, config.epochs)
    with trainer.event_file() as events:
        record = Record(trainer.directory / METRICS, position.history, events)
        for epoch, (linear, on_train, on_val) in enumerate(solutions, start=1):
            position.seconds = time.perf_counter() - started
            set_head(learner.classifier.body, learner.head, linear)
            trainer.remember_best(on_val)
            line = {
                "epoch": epoch,
                "step": epoch,
                "train_loss": on_train["loss"],
                "train_accuracy": on_train["accuracy"],
                "val_loss": on_val["loss"],
                "val_accuracy": on_val["accuracy"],
                "learning_rate": 0.0,
                "images_per_second": len(trainer.train_set) * epoch / position.seconds,
                "seconds": position.seconds,
            }
            position.epoch = epoch
            record.add(line)
            print(trainer.describe(line), flush=True)
    if said := _apart(trainer):
        print(said, flush=True)


def _apart(trainer: Trainer) -> str:
    """What the validation figure is worth, on features that are there already."""
    data, position, config = trainer.train_set.data, trainer.position, trainer.config
    positions = np.sort(np.concatenate([data.split("train"), data.split("val")]))
    looks = features(taken(data.kind).frozen(trainer.learner.classifier, data), data, positions)
    strength = strengths(config.epochs)[position.best_epoch - 1]
    return remark(data, positions, looks, strength, position.best["accuracy"])
