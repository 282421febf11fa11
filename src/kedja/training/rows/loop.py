"""Training of `RowNetwork`: epochs, validation, the best weights, a checkpoint after each epoch.

As in `kedja.training.loop`, every random number is drawn from (seed, use, step), so that a run that goes on from its
checkpoint ends with the same bits.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from kedja.bundle.inputs.input import Feed
from kedja.bundle.inputs.table.column import UNSEEN
from kedja.runs.events import EventFile
from kedja.runs.folder import CHECKPOINT, METRICS
from kedja.runs.record import Record
from kedja.runs.scores import score
from kedja.training.config.schema import TENSORBOARD, TrainConfig, trackers
from kedja.training.loop.checkpoint import load_checkpoint, save_checkpoint
from kedja.training.loop.seeding import generator_for, seed_step
from kedja.training.optim.layer_groups import head_name, learning_rate_factors
from kedja.training.optim.optimizer import build_optimizer, set_learning_rate
from kedja.training.optim.schedule import factor
from kedja.training.rows.network import RowNetwork

# Share of the cells of categories that are hidden in training: so it is learnt what one means that was never seen.
_HIDDEN = 0.01
_BATCH = 4096
_CPU = torch.device("cpu")


@dataclass
class Progress:
    """How far a run has come."""

    epoch: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    best: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


class RowTrainer:
    """Trains `network` on two feeds and their labels; `fit` continues from `last.ckpt` where there is one."""

    def __init__(self, network: RowNetwork, config: TrainConfig, directory: Path, classes: int) -> None:
        self.network, self.config, self.directory = network, config, directory
        head = head_name(network, classes)
        self.optimizer = build_optimizer(network, learning_rate_factors(network, config.finetune), head, config.optim)
        self.progress = Progress()
        self.best_weights: dict[str, Tensor] = {}

    def fit(self, train: Feed, labels: "np.ndarray[Any, Any]", val: Feed, answers: "np.ndarray[Any, Any]") -> None:
        """All epochs that are left."""
        self._resume()
        events = EventFile(self.directory) if TENSORBOARD in trackers(self.config) else None
        record = Record(self.directory / METRICS, self.progress.history, events)
        tensors, targets = [torch.from_numpy(array) for array in train.values()], torch.from_numpy(labels)
        while self.progress.epoch < self.config.epochs:
            started = time.perf_counter()
            loss, right = self._epoch(tensors, targets)
            validation = score(predict(self.network, val), answers)
            seconds = time.perf_counter() - started
            self.progress.seconds += seconds
            self.progress.epoch += 1
            if not self.progress.best or _rank(validation) > _rank(self.progress.best):
                self.progress.best, self.progress.best_epoch = validation, self.progress.epoch
                self.best_weights = {name: value.clone() for name, value in self.network.state_dict().items()}
            record.add(
                {
                    "epoch": self.progress.epoch,
                    "step": self.progress.epoch * self._steps(len(targets)),
                    "train_loss": loss,
                    "train_accuracy": right,
                    "val_loss": validation["loss"],
                    "val_accuracy": validation["accuracy"],
                    "learning_rate": self.optimizer.param_groups[0]["lr"],
                    "images_per_second": len(targets) / seconds,
                    "seconds": seconds,
                }
            )
            self._save()

    def _epoch(self, tensors: list[Tensor], targets: Tensor) -> tuple[float, float]:
        """Mean loss and share of right answers over the epoch."""
        seed, epoch = self.config.seed, self.progress.epoch
        self.network.train()
        steps = self._steps(len(targets))
        order = torch.randperm(len(targets), generator=generator_for("cpu", seed, "order", epoch))
        loss_sum = right = 0.0
        for number, chosen in enumerate(order.tensor_split(steps)):
            step = epoch * steps + number
            set_learning_rate(self.optimizer, factor(step, self.config.epochs * steps, self.config.schedule))
            seed_step(_CPU, seed, "dropout", step)
            logits = self.network(*(_with_strangers(tensor[chosen]) for tensor in tensors))
            loss = F.cross_entropy(logits, targets[chosen], label_smoothing=self.config.loss.label_smoothing)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            loss_sum += loss.item() * len(chosen)
            right += float((logits.argmax(1) == targets[chosen]).sum())
        return loss_sum / len(targets), right / len(targets)

    def _steps(self, rows: int) -> int:
        return max(1, -(-rows // self.config.batch_size))

    def _save(self) -> None:
        state = {
            "progress": vars(self.progress),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best_weights": self.best_weights,
            "threads": torch.get_num_threads(),
        }
        save_checkpoint(self.directory / CHECKPOINT, state)

    def _resume(self) -> None:
        if not (self.directory / CHECKPOINT).is_file():
            return
        state = load_checkpoint(self.directory / CHECKPOINT)
        torch.set_num_threads(state["threads"])
        self.progress = Progress(**state["progress"])
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best_weights = state["best_weights"]


@torch.inference_mode()
def predict(network: RowNetwork, feed: Feed) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Logits float32 (N, classes)."""
    network.eval()
    tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in feed.values()]
    parts = [
        network(*(tensor[start : start + _BATCH] for tensor in tensors)) for start in range(0, len(tensors[0]), _BATCH)
    ]
    logits: np.ndarray[Any, np.dtype[np.float32]] = torch.cat(parts).numpy()
    return logits


def _with_strangers(cells: Tensor) -> Tensor:
    """Codes of which a few are hidden; numbers as they are."""
    if cells.is_floating_point():
        return cells
    return torch.where(torch.rand(cells.shape) < _HIDDEN, torch.full_like(cells, UNSEEN), cells)


def _rank(validation: dict[str, float]) -> tuple[float, float]:
    return validation["accuracy"], -validation["loss"]
