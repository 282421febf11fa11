"""One step of learning: forward, loss, backward, update. What of a run holds tensors, and its state."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from kedja.common.errors import KedjaError
from kedja.training.augment.augment import flip, turns
from kedja.training.augment.mix import mix
from kedja.training.augment.progressive import shrink
from kedja.training.batches.dataset import Batch, ImageDataset
from kedja.training.config.schema import TrainConfig
from kedja.training.kinds import taken
from kedja.training.loop.compilation import compiled
from kedja.training.loop.recompute import recompute_blocks
from kedja.training.loop.seeding import generator_for, seed_for, seed_step
from kedja.training.models.classifier import Classifier
from kedja.training.optim.ema import Ema
from kedja.training.optim.layer_groups import check_freeze, head_name, learning_rate_factors, set_learning
from kedja.training.optim.losses import Loss
from kedja.training.optim.optimizer import build_optimizer, set_learning_rate


class Outcome(NamedTuple):
    """Sums over the images of one step, on all devices: losses, correct answers, and how many images that were.

    Tensors, so that a GPU need not wait.
    """

    loss: Tensor
    correct: Tensor
    images: Tensor

    @property
    def mean_loss(self) -> float:
        return (self.loss / self.images).item()

    @property
    def accuracy(self) -> float:
        return (self.correct / self.images).item()


class Learner:
    """A classifier with its optimizer, loss and moving average.

    Every random number of a step is drawn from (seed, step, part of the batch), so none has a state to keep,
    and several processes draw what one process would that computes the batch in as many parts.
    """

    def __init__(self, fabric: Fabric, classifier: Classifier, train_set: ImageDataset, config: TrainConfig) -> None:
        self.fabric, self.config = fabric, config
        self.classifier = classifier.to(fabric.device).to(memory_format=torch.channels_last)
        self.classes, self.vary = train_set.classes, taken(train_set.data.kind).vary
        body = self.classifier.body
        self.head = head_name(body, self.classes)
        check_freeze(body, config.finetune)
        if fabric.world_size > 1 and config.finetune.head_epochs:
            raise KedjaError("finetune.head_epochs does not work with several processes", "finetune.head_epochs=0")
        set_learning(body, self.head, config.finetune, epoch=0)
        factors = learning_rate_factors(body, config.finetune)
        self.epoch = 0
        self.ema = Ema(self.classifier, config.ema) if config.ema else None
        self.loss = Loss(config.loss, self.classes, train_set.labels.to(fabric.device))
        optimizer = build_optimizer(body, factors, self.head, config.optim)
        if config.model.recompute:
            recompute_blocks(body)
        network = self.classifier.network
        if config.compile:
            network = compiled(network, train_set, config.batch_size // (config.accumulate * fabric.world_size))
        self.network, self.optimizer = fabric.setup(network, optimizer)

    @property
    def evaluated(self) -> Classifier:
        """The model that counts: the moving average where there is one."""
        return self.classifier if self.ema is None else self.ema.module

    def start_epoch(self, epoch: int) -> None:
        """Training mode, but for layers that are frozen in this epoch."""
        self.epoch = epoch
        self.classifier.train()
        set_learning(self.classifier.body, self.head, self.config.finetune, epoch)

    def learn(self, batch: Batch, images: int, step: int, share: float, side: int = 0) -> Outcome:
        """Update the weights by one batch.

        Args:
            batch: this process's share of the step's images.
            images: of the step, over all processes.
            step: number of the step in the run, from 0.
            share: multiplier of the highest learning rate.
            side: to which the images are shrunk; 0 keeps their size.
        """
        set_learning_rate(self.optimizer, share)
        parts = min(self.config.accumulate, len(batch.labels))
        outcomes = []
        for index, chosen in enumerate(torch.arange(len(batch.labels)).tensor_split(parts)):
            part = Batch(*(values[chosen.to(values.device)] for values in batch)) if parts > 1 else batch
            with self._synchronise(last=index == parts - 1):
                number = self.fabric.global_rank * parts + index
                outcomes.append(self._learn_part(part, images, step, number, side))
        if self.config.clip:
            self.fabric.clip_gradients(self.network, self.optimizer, max_norm=self.config.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.ema is not None:
            self.ema.update()
        total = torch.stack(outcomes).sum(0)
        return Outcome(*(self.fabric.all_reduce(total, reduce_op="sum") if self.fabric.world_size > 1 else total))

    def _learn_part(self, part: Batch, images: int, step: int, number: int, side: int) -> Tensor:
        """Add the part's gradient; returns the sums (loss, correct, images) of the part."""
        seed, device = self.config.seed, self.fabric.device
        seed_step(device, seed, "dropout", step, number)
        labels = targets = part.labels.to(device)
        raw = part.images.to(device)
        if self.config.augment.flip == "alternating":
            raw = flip(raw, turns(part.positions.to(device), seed, self.epoch))
        pixels = self.vary(raw, self.config.augment, generator_for(device, seed, "augment", step, number), side)
        if self.config.augment.mixup or self.config.augment.cutmix:
            drawn = np.random.default_rng(seed_for(seed, "mix", step, number))
            pixels, targets = mix(pixels, labels, self.classes, self.config.augment, drawn)
        logits = self.network(shrink(pixels, side))
        loss = self.loss(logits, targets)
        # Parts may differ by an image, so each counts by its images; processes average their gradients.
        self.fabric.backward(loss * (len(labels) * self.fabric.world_size / images))
        correct = (logits.detach().argmax(1) == labels).sum()
        return torch.stack([loss.detach().double() * len(labels), correct, correct.new_tensor(len(labels))])

    def _synchronise(self, last: bool) -> AbstractContextManager[Any]:
        """Processes exchange gradients once a step, after its last part."""
        if last or self.fabric.world_size == 1:
            return nullcontext()
        return self.fabric.no_backward_sync(self.network)

    def state(self) -> dict[str, Any]:
        """Everything a step depends on."""
        return {
            "classifier": self.classifier.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.fabric.strategy.precision.state_dict(),
            "ema": None if self.ema is None else [self.ema.module.state_dict(), self.ema.updates],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """What `state` returned, on any device."""
        self.classifier.load_state_dict(state["classifier"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["scaler"])
        if self.ema is not None:
            weights, self.ema.updates = state["ema"]
            self.ema.module.load_state_dict(weights)
