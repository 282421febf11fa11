"""The training loop, on Lightning Fabric."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from kedja.bundle.errors import KedjaError
from kedja.data.prepared import PreparedDataset
from kedja.training.augment import augment
from kedja.training.checkpoint import load_checkpoint, save_checkpoint
from kedja.training.dataset import Batch, ImageDataset, training_loader
from kedja.training.ema import Ema
from kedja.training.metrics import MetricsLog
from kedja.training.models.classifier import Classifier, to_float
from kedja.training.optimizer import build_optimizer
from kedja.training.predict import predict, score
from kedja.training.progress import PlainProgress
from kedja.training.run import CHECKPOINT
from kedja.training.schedule import factor
from kedja.training.schema import TrainConfig
from kedja.training.seeding import generator_for, random_states, restore_random_states

# Steps between two looks at the loss on a GPU.
GPU_LOOKS_EVERY = 16


@dataclass
class Position:
    """How far a run has come: all that is no tensor of the model. `totals` are sums over the epoch so far."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    best_epoch: int = 0
    best: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


class Trainer:
    """Trains `classifier` on `data`; `fit` continues from `last.ckpt` where there is one.

    After `fit`, `best_weights` are those of the best epoch on the validation split.
    """

    def __init__(
        self, fabric: Fabric, classifier: Classifier, data: PreparedDataset, config: TrainConfig, directory: Path
    ) -> None:
        self.fabric, self.config, self.directory = fabric, config, directory
        self.classifier = classifier.to(fabric.device).to(memory_format=torch.channels_last)
        self.optimizer = build_optimizer(classifier.network, config.optim)
        self.network, self.wrapped_optimizer = fabric.setup(classifier.network, self.optimizer)
        self.ema = Ema(self.classifier, config.ema) if config.ema else None
        self.loss = nn.CrossEntropyLoss(label_smoothing=config.loss.label_smoothing)
        self.train_set = ImageDataset(data, "train", fabric.device)
        self.val_set = ImageDataset(data, "val", fabric.device)
        self.loader, self.sampler = training_loader(self.train_set, config.batch_size, config.seed)
        self.batches = self.sampler.batches
        self.steps = self.batches * config.epochs
        self.position = Position()
        self.totals = torch.zeros(3, dtype=torch.float64, device=fabric.device)
        self.best_weights: dict[str, Tensor] = {}
        self._unseen: list[tuple[int, Tensor, Tensor]] = []
        self._look_every = 1 if fabric.device.type == "cpu" else GPU_LOOKS_EVERY
        self._saved_at = time.monotonic()

    @property
    def evaluated(self) -> Classifier:
        """The model that counts: the moving average where there is one."""
        return self.classifier if self.ema is None else self.ema.module

    def fit(self, progress: PlainProgress) -> None:
        """Train to the last epoch or until patience runs out.

        Raises:
            KedjaError: the loss is not finite (names the images of the batch), or the checkpoint is damaged.
        """
        self._resume()
        log = MetricsLog(self.directory, self.position.history)
        try:
            with progress:
                while self.position.epoch < self.config.epochs and not self._out_of_patience():
                    self._train_epoch(progress)
                    self._finish_epoch(log, progress)
        finally:
            log.close()
        self._save()

    def _train_epoch(self, progress: PlainProgress) -> None:
        self.network.train()
        self.sampler.epoch, self.sampler.first = self.position.epoch, self.position.batch
        for batch in self.loader:
            with self._timed():
                self._train_step(batch)
            self.position.batch += 1
            self.position.step += 1
            if progress.wants_step():
                loss, correct, images = self.totals.tolist()
                progress.step(self.position.step, loss / images, correct / images, images / self.position.epoch_seconds)
            if time.monotonic() - self._saved_at >= self.config.checkpoint_seconds:
                self._save()

    def _train_step(self, batch: Batch) -> None:
        step, device = self.position.step, self.fabric.device
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.optim.lr * factor(step, self.steps, self.config.schedule)
        pixels, labels = to_float(batch.images.to(device)), batch.labels.to(device)
        pixels = augment(pixels, self.config.augment, generator_for(device, self.config.seed, "augment", step))
        logits = self.network(pixels)
        loss = self.loss(logits, labels)
        self._watch(loss, batch)
        self.wrapped_optimizer.zero_grad()
        self.fabric.backward(loss)
        if self.config.clip:
            self.fabric.clip_gradients(self.network, self.wrapped_optimizer, max_norm=self.config.clip)
        self.wrapped_optimizer.step()
        if self.ema is not None:
            self.ema.update()
        correct = (logits.detach().argmax(1) == labels).sum()
        self.totals += torch.stack([loss.detach() * len(labels), correct, correct.new_tensor(len(labels))])

    def _finish_epoch(self, log: MetricsLog, progress: PlainProgress) -> None:
        position = self.position
        with self._timed():
            validation = score(predict(self.evaluated, self.val_set, self.fabric.device), self.val_set.labels)
        loss, correct, images = self.totals.tolist()
        line = {
            "epoch": position.epoch + 1,
            "step": position.step,
            "train_loss": loss / images,
            "train_accuracy": correct / images,
            "val_loss": validation["loss"],
            "val_accuracy": validation["accuracy"],
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "images_per_second": images / position.epoch_seconds,
            "seconds": position.seconds,
        }
        if not position.best or _rank(validation) > _rank(position.best):
            position.best, position.best_epoch = validation, position.epoch + 1
            self.best_weights = {k: v.detach().clone() for k, v in self.evaluated.state_dict().items()}
        position.epoch, position.batch, position.epoch_seconds = position.epoch + 1, 0, 0.0
        self.totals.zero_()
        log.add(line)
        progress.epoch(line)

    def _out_of_patience(self) -> bool:
        waited = self.position.epoch - self.position.best_epoch
        return bool(self.config.patience) and waited >= self.config.patience

    def _save(self) -> None:
        state = {
            "position": vars(self.position),
            "totals": self.totals,
            "classifier": self.classifier.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": None if self.ema is None else [self.ema.module.state_dict(), self.ema.updates],
            "best_weights": self.best_weights,
            "random": random_states(),
            "threads": torch.get_num_threads(),
        }
        save_checkpoint(self.directory / CHECKPOINT, state)
        self._saved_at = time.monotonic()

    def _resume(self) -> None:
        if not (self.directory / CHECKPOINT).is_file():
            return
        state = load_checkpoint(self.directory / CHECKPOINT)
        # The order of sums, and so the last bits, hang on the number of threads.
        torch.set_num_threads(state["threads"])
        self.position = Position(**state["position"])
        self.totals.copy_(state["totals"])
        self.classifier.load_state_dict(state["classifier"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.ema is not None:
            weights, self.ema.updates = state["ema"]
            self.ema.module.load_state_dict(weights)
        self.best_weights = state["best_weights"]
        restore_random_states(state["random"])

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        elapsed = time.perf_counter() - started
        self.position.seconds += elapsed
        self.position.epoch_seconds += elapsed

    def _watch(self, loss: Tensor, batch: Batch) -> None:
        """Look at the losses: each on the CPU; on a GPU, where looking makes it wait, several at once."""
        self._unseen.append((self.position.step, loss.detach(), batch.positions))
        if len(self._unseen) < self._look_every:
            return
        for (step, seen, positions), finite in zip(
            self._unseen, torch.stack([seen for _, seen, _ in self._unseen]).isfinite().tolist(), strict=True
        ):
            if not finite:
                raise self._not_finite(step, seen, positions)
        self._unseen.clear()

    def _not_finite(self, step: int, loss: Tensor, positions: Tensor) -> KedjaError:
        ids = [self.train_set.ids[i] for i in positions.tolist()]
        return KedjaError(
            f"the loss became {loss.item()} at step {step + 1} of {self.steps} "
            f"(epoch {self.position.epoch + 1}); the batch holds the images {', '.join(ids)}",
            f"a lower optim.lr (now {self.config.optim.lr}) or clip=1.0 usually helps; else look at these images",
        )


def _rank(validation: dict[str, float]) -> tuple[float, float]:
    """Higher accuracy first, then lower loss."""
    return validation["accuracy"], -validation["loss"]
