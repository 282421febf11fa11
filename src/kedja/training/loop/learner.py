"""One step of learning: forward, loss, backward, update. What of a run holds tensors, and its state."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from torch import Tensor, nn

from kedja.common.errors import KedjaError
from kedja.training.augment.augment import flip, turns
from kedja.training.augment.mix import mix
from kedja.training.augment.progressive import shrink
from kedja.training.batches.dataset import Batch, ImageDataset
from kedja.training.config.schema import TrainConfig
from kedja.training.kinds import taken
from kedja.training.loop.compilation import compiled
from kedja.training.loop.determinism import fix_order
from kedja.training.loop.recompute import recompute_blocks
from kedja.training.loop.seeding import seed_for, seed_step
from kedja.training.loop.sharding import for_optimizer, load_module, shard
from kedja.training.models.classifier import Classifier
from kedja.training.optim.ema import Ema
from kedja.training.optim.layer_groups import check_freeze, head_name, learning_rate_factors, set_learning
from kedja.training.optim.losses import Loss
from kedja.training.optim.optimizer import build_optimizer, set_learning_rate


@dataclass(frozen=True, slots=True)
class Outcome:
    """Attributes:
    sums: float64 (3,), over the images of one step on all devices: losses, correct answers, and how many images
        that were. On the device, so that a GPU need not wait.
    """

    sums: Tensor

    @property
    def loss(self) -> Tensor:
        return self.sums[0]

    @property
    def mean_loss(self) -> float:
        return (self.sums[0] / self.sums[2]).item()

    @property
    def accuracy(self) -> float:
        return (self.sums[1] / self.sums[2]).item()


class Learner:
    """A classifier with its optimizer, loss and moving average.

    Every random number of a step is drawn from (seed, step, part of the batch), so none has a state to keep,
    and several processes draw what one process would that computes the batch in as many parts.
    """

    def __init__(self, fabric: Fabric, classifier: Classifier, train_set: ImageDataset, config: TrainConfig) -> None:
        self.fabric, self.config = fabric, config
        self.sharded = isinstance(fabric.strategy, ModelParallelStrategy)
        self.classifier = classifier
        if not self.sharded:  # a network that is shared out gets there in stretches, which have one layout alone
            classifier.to(fabric.device).to(memory_format=torch.channels_last)
        if config.deterministic:
            fix_order(classifier.body)
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
        self._drawn = torch.Generator(fabric.device)
        self.loss = Loss(config.loss, self.classes, train_set.labels.to(fabric.device))
        if config.model.recompute:
            recompute_blocks(body)
        network = self.classifier.network
        if config.compile:
            network = compiled(network, train_set, config.batch_size // (config.accumulate * fabric.world_size))
        if self.sharded:
            factors = self._share_out(factors)
        self.network = fabric.setup_module(network)
        # Fabric's types say one or several: here it is one.
        optimizer: Any = fabric.setup_optimizers(build_optimizer(body, factors, self.head, config.optim))
        self.optimizer = optimizer

    def _share_out(self, factors: dict[nn.Parameter, float]) -> dict[nn.Parameter, float]:
        """Cut all weights into stretches; `factors` for the parameters that stand in their places."""
        names = {name: factors[parameter] for name, parameter in self.classifier.body.named_parameters()}
        assert isinstance(self.fabric.strategy, ModelParallelStrategy)
        mesh = self.fabric.strategy.device_mesh["data_parallel"]
        shard(self.classifier.network, mesh)
        self.classifier.to(self.fabric.device)
        if self.ema is not None:
            shard(self.ema.module.network, mesh)
            self.ema.module.to(self.fabric.device)
        return {parameter: names[name] for name, parameter in self.classifier.body.named_parameters()}

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
        for index, part in enumerate(map(Batch, *(values.tensor_split(parts) for values in batch))):
            with self._synchronise(last=index == parts - 1):
                number = self.fabric.global_rank * parts + index
                outcomes.append(self._learn_part(part, images, step, number, side))
        if self.config.clip:
            # Where they are not finite the scaler of fp16 leaves the step out, and elsewhere `LossWatch` speaks up.
            self.fabric.clip_gradients(
                self.network, self.optimizer, max_norm=self.config.clip, error_if_nonfinite=False
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.ema is not None:
            self.ema.update()
        total = outcomes[0] if parts == 1 else torch.stack(outcomes).sum(0)
        if self.fabric.world_size > 1:
            # Fabric's own would have all processes wait for each other first, at every step.
            torch.distributed.all_reduce(total)
        return Outcome(total)

    def _learn_part(self, part: Batch, images: int, step: int, number: int, side: int) -> Tensor:
        """Add the part's gradient; returns the sums (loss, correct, images) of the part."""
        seed, device = self.config.seed, self.fabric.device
        seed_step(device, seed, "dropout", step, number)
        labels = targets = part.labels.to(device, non_blocking=True)
        raw = part.images.to(device, non_blocking=True)
        if self.config.augment.flip == "alternating":
            raw = flip(raw, turns(part.positions.to(device, non_blocking=True), seed, self.epoch))
        self._drawn.manual_seed(seed_for(seed, "augment", step, number))
        pixels = self.vary(raw, self.config.augment, self._drawn, side)
        if self.config.augment.mixup or self.config.augment.cutmix:
            drawn = np.random.default_rng(seed_for(seed, "mix", step, number))
            pixels, targets = mix(pixels, labels, self.classes, self.config.augment, drawn)
        logits = self.network(shrink(pixels, side))
        loss = self.loss(logits, targets)
        # Parts may differ by an image, so each counts by its images; processes average their gradients.
        self.fabric.backward(loss * (len(labels) * self.fabric.world_size / images))
        correct = (logits.detach().argmax(1) == labels).sum()
        # Written there by a kernel: a number of Python's would be copied, and a GPU waits for its processor's copies.
        count = torch.full((), len(labels), dtype=torch.float64, device=device)
        return torch.stack([loss.detach().double() * len(labels), correct.double(), count])

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
        """What `state` returned, on any device; of networks that are shared out, the whole of it."""
        load_module(self.classifier, state["classifier"])
        self.optimizer.load_state_dict(for_optimizer(self.optimizer, state["optimizer"]))
        self.fabric.strategy.precision.load_state_dict(state["scaler"])
        if self.ema is not None:
            weights, self.ema.updates = state["ema"]
            load_module(self.ema.module, weights)
