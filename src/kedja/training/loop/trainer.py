"""The run: epochs, validation, the best weights, checkpoints."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kedja.common.progress import Progress
from kedja.runs.events import EventFile
from kedja.runs.folder import CHECKPOINT, DIAGNOSIS, METRICS
from kedja.runs.record import Record, read_lines
from kedja.runs.scores import score
from kedja.training.augment.progressive import side_at
from kedja.training.batches.dataset import ImageDataset
from kedja.training.batches.loader import BatchLoader
from kedja.training.batches.sampler import EpochBatches
from kedja.training.checks.cheapest import nearest_mean
from kedja.training.checks.diagnosis import Diagnosis
from kedja.training.checks.energy import EnergyMeter
from kedja.training.checks.remarks import Remarks
from kedja.training.config.schema import TENSORBOARD, trackers
from kedja.training.loop.checkpoint import save_checkpoint
from kedja.training.loop.learner import Learner
from kedja.training.loop.loss_watch import LossWatch
from kedja.training.loop.parts import drop_parts, load_whole, save_parts
from kedja.training.loop.sharding import shared_like, stretches
from kedja.training.models.predict import predict
from kedja.training.optim.registry import SCHEDULES
from kedja.training.optim.schedule import factor

# Steps between two times at which processes that share a network out agree on whether a checkpoint is due.
SHARED_LOOKS_EVERY = 16


@dataclass
class Position:
    """How far a run has come: all of its state that is no tensor of the learner.

    `rate` is what a plateau has left of the learning rate; `best` is the best epoch's accuracy and loss; `joules` are
    those of each part (`cpu`, `gpu`) that are counted here.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    rate: float = 1.0
    dropped_epoch: int = 0
    best_epoch: int = 0
    best: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    joules: dict[str, float] = field(default_factory=dict)


class Trainer:
    """Trains `learner`; `fit` continues from `last.ckpt` where there is one.

    After `fit`, `best_weights` are those of the best epoch on the validation split.
    """

    def __init__(self, learner: Learner, train_set: ImageDataset, val_set: ImageDataset, directory: Path) -> None:
        self.learner, self.train_set, self.val_set, self.directory = learner, train_set, val_set, directory
        self.config, self.fabric = learner.config, learner.fabric
        self.sampler = EpochBatches(
            len(train_set),
            self.config.batch_size,
            self.config.seed,
            labels=train_set.labels.cpu() if self.config.data.sampler == "balanced" else None,
            neighbours=train_set.sorted,
            rank=self.fabric.global_rank,
            world=self.fabric.world_size,
        )
        self.loader = BatchLoader(train_set, self.sampler, self.config.data.workers)
        self.steps = self.sampler.batches * self.config.epochs
        self.position = Position()
        self.totals = torch.zeros(3, dtype=torch.float64, device=self.fabric.device)
        self.best_weights: dict[str, Tensor] = {}
        self._diagnosis: Diagnosis | None = None
        self.meter: EnergyMeter | None = None
        self.watch = LossWatch(train_set, self.steps, self.config.optim.lr, self.fabric.device)
        self.remarks = Remarks(
            self.config,
            train_set.labels,
            train_set.classes,
            self.sampler.batches,
            lambda: nearest_mean(train_set.data),
        )
        self._nouns = train_set.data.input.nouns
        self._saved_at = time.monotonic()

    def fit(self) -> None:
        """Train to the last epoch or until patience runs out.

        Raises:
            KedjaError: the loss is not finite (names the images of the batch), or the checkpoint is damaged.
        """
        self._resume()
        if self.fabric.is_global_zero:
            self.meter = EnergyMeter(self.fabric.device.index if self.fabric.device.type == "cuda" else None)
        first = self.fabric.is_global_zero
        done = self.position.step
        shown = Progress("", self.steps, "", done, file=sys.stdout, keep=False, quiet=not first, announce=5)
        with self.event_file() as events, shown as progress:
            log = self._start_records(events) if self.fabric.is_global_zero else None
            while self.position.epoch < self.config.epochs and not self._out_of_patience():
                self._train_epoch(progress)
                self._finish_epoch(log, progress)
        self._save()

    def event_file(self) -> AbstractContextManager[EventFile | None]:
        """TensorBoard's, where it is wanted."""
        wanted = self.fabric.is_global_zero and TENSORBOARD in trackers(self.config)
        return closing(EventFile(self.directory)) if wanted else nullcontext()

    def _start_records(self, events: EventFile | None) -> Record:
        """That of the epochs, and the diagnosis with its own."""
        if self.config.diagnose:
            path = self.directory / DIAGNOSIS
            seen = [line for line in read_lines(path) if line["step"] <= self.position.step]
            self._diagnosis = Diagnosis(self.learner, self.config.diagnose, Record(path, seen, events))
        return Record(self.directory / METRICS, self.position.history, events)

    def _train_epoch(self, progress: Progress) -> None:
        position = self.position
        self.learner.start_epoch(position.epoch)
        self.sampler.epoch, self.sampler.first = position.epoch, position.batch
        started = time.perf_counter()
        for batch in self.loader:
            share = position.rate * factor(position.step, self.steps, self.config.schedule)
            images = self.sampler.images_in(position.batch)
            side = side_at(position.step, self.steps, self.config.augment)
            with self._diagnosis.looking(position.step) if self._diagnosis else nullcontext():
                outcome = self.learner.learn(batch, images, position.step, share, side)
            self.watch.add(position.step, outcome.loss, batch)
            self.totals += outcome.sums
            position.batch += 1
            position.step += 1
            started = self._count_time(started)
            # Fetching the totals makes a GPU wait: only where they are shown.
            progress.advance(note=self._state() if progress.due else "")
            if self._is_due():
                self.watch.look()
                self._count_time(started)
                self._save()
                started = time.perf_counter()
        # A GPU is still at work on what it was given; its time counts.
        self.watch.look()
        self._count_time(started)

    def _state(self) -> str:
        """The epoch so far, in words."""
        loss, correct, images = self.totals.tolist()
        speed = images / self.position.epoch_seconds
        return f"loss {loss / images:.4f}, accuracy {correct / images:.1%}, {speed:,.0f} {self._nouns}/s"

    def _finish_epoch(self, log: Record | None, progress: Progress) -> None:
        self._count_energy()
        position = self.position
        loss, correct, images = self.totals.tolist()
        images_per_second = images / position.epoch_seconds
        with self._timed():
            validation = self._validate()
        line = {
            "epoch": position.epoch + 1,
            "step": position.step,
            "train_loss": loss / images,
            "train_accuracy": correct / images,
            "val_loss": validation["loss"],
            "val_accuracy": validation["accuracy"],
            "learning_rate": self.learner.optimizer.param_groups[0]["lr"],
            "images_per_second": images_per_second,
            "seconds": position.seconds,
        }
        self.remember_best(validation)
        position.epoch, position.batch, position.epoch_seconds = position.epoch + 1, 0, 0.0
        self._drop_on_plateau()
        self.totals.zero_()
        if log is not None:
            log.add(line)
        else:
            position.history.append(line)
        progress.line(self.describe(line), always=line["epoch"] == self.config.epochs)
        self.remarks.look(line, progress.line)

    def describe(self, line: dict[str, Any]) -> str:
        # At most 80 columns.
        return (
            f"epoch {line['epoch']:>3}/{self.config.epochs}  "
            f"loss {line['train_loss']:.4f}, {line['train_accuracy']:.2%}  "
            f"validation {line['val_loss']:.4f}, {line['val_accuracy']:.2%}  "
            f"{line['images_per_second']:.0f} {self._nouns}/s"
        )

    def _validate(self) -> dict[str, float]:
        """All processes evaluate; the first one counts and the others hear of it, so that all decide alike."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        logits = predict(self.learner.evaluated, self.val_set, rank=rank, world=world)
        scores: dict[str, float] = {}
        if rank == 0:
            scores = score(logits.cpu().numpy(), self.val_set.labels.cpu().numpy())
        return self.fabric.broadcast(scores) if world > 1 else scores

    def remember_best(self, validation: dict[str, float]) -> None:
        """Keep the weights as they are if no epoch before was better on the validation split."""
        if not self.position.best or _rank(validation) > _rank(self.position.best):
            self.position.best, self.position.best_epoch = validation, self.position.epoch + 1
            self.best_weights = {k: v.detach().clone() for k, v in self.learner.evaluated.state_dict().items()}

    def _drop_on_plateau(self) -> None:
        schedule, position = self.config.schedule, self.position
        waited = position.epoch - max(self._best_loss_epoch(), position.dropped_epoch)
        if SCHEDULES[schedule.name].waits and waited >= schedule.patience:
            position.rate, position.dropped_epoch = position.rate * schedule.drop, position.epoch

    def _out_of_patience(self) -> bool:
        waited = self.position.epoch - self._best_loss_epoch()
        return bool(self.config.patience) and waited >= self.config.patience

    def _best_loss_epoch(self) -> int:
        """The epoch (from 1) of the lowest validation loss so far; 0 before the first."""
        best = min(self.position.history, key=lambda line: line["val_loss"], default={"epoch": 0})
        return int(best["epoch"])

    def _is_due(self) -> bool:
        """Whether to write a checkpoint; where each process writes its part, all must find so at the same step."""
        due = time.monotonic() - self._saved_at >= self.config.checkpoint_seconds
        if not self.learner.sharded or not self.config.checkpoint_seconds:
            return due
        return self.position.step % SHARED_LOOKS_EVERY == 0 and bool(self.fabric.broadcast(due))

    def _save(self) -> None:
        self.watch.look()  # nothing is kept of a loss that is not finite
        self._count_energy()
        tensors = {"totals": self.totals, "learner": self.learner.state(), "best_weights": self.best_weights}
        rest = {"position": vars(self.position), "threads": torch.get_num_threads()}
        if self.learner.sharded:
            save_parts(self.directory / CHECKPOINT, stretches(tensors), rest, self.fabric)
        elif self.fabric.is_global_zero:
            save_checkpoint(self.directory / CHECKPOINT, tensors | rest)
            drop_parts(self.directory / CHECKPOINT)
        self._saved_at = time.monotonic()

    def _count_energy(self) -> None:
        for part, joules in (self.meter.joules() if self.meter else {}).items():
            self.position.joules[part] = self.position.joules.get(part, 0.0) + joules

    def _resume(self) -> None:
        if not (self.directory / CHECKPOINT).is_file():
            return
        state = load_whole(self.directory / CHECKPOINT)
        # The order of sums, and so the last bits, hang on the number of threads.
        torch.set_num_threads(state["threads"])
        self.position = Position(**state["position"])
        self.totals.copy_(state["totals"])
        self.learner.load_state(state["learner"])
        now = self.learner.evaluated.state_dict()
        self.best_weights = {k: shared_like(v, now[k]) for k, v in state["best_weights"].items()}

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.position.seconds += time.perf_counter() - started

    def _count_time(self, started: float) -> float:
        """Add the time since `started` to the run and to its epoch; returns now."""
        now = time.perf_counter()
        self.position.seconds += now - started
        self.position.epoch_seconds += now - started
        return now


def _rank(validation: dict[str, float]) -> tuple[float, float]:
    """Higher accuracy first, then lower loss."""
    return validation["accuracy"], -validation["loss"]
