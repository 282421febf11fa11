"""What is worth knowing of a run while it goes on: said once, when it shows."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from kedja.training.config.schema import TrainConfig

FEW_STEPS = 4
# Times the loss of guessing.
EXPLODED = 5.0
# Times the accuracy of always naming the most frequent class, and epochs that a network is given to pass it.
CHANCE, PATIENCE = 1.2, 3
# Differences of accuracies that say more than luck does.
GAP, ABOVE = 0.25, 0.15

Line = Mapping[str, Any]


class Remarks:
    """Looks at each epoch's line of the record and says what is wrong, each thing once.

    Args:
        labels: int64 (N,) of the training split.
        steps: an epoch.
        cheapest: what the cheapest model gets of the validation split; asked once, when it is late enough.
    """

    def __init__(
        self, config: TrainConfig, labels: Tensor, classes: int, steps: int, cheapest: Callable[[], float] = lambda: 0.0
    ) -> None:
        counts = np.bincount(labels.cpu().numpy(), minlength=classes)
        self._config, self._images, self._steps = config, len(labels), steps
        self._guessing, self._majority = math.log(classes), float(counts.max() / counts.sum())
        self._cheapest, self._floor = cheapest, 0.0
        self._said: set[str] = set()

    def look(self, line: Line, say: Callable[[str], None]) -> None:
        """`line` is the epoch's, as `metrics.jsonl` has it."""
        for name, text in (
            ("steps", self._few_steps()),
            ("loss", self._exploded(line)),
            ("chance", self._at_chance(line)),
            ("cheapest", self._below_the_cheapest(line)),
            ("gap", self._by_heart(line)),
            ("above", self._too_good(line)),
        ):
            if text and name not in self._said:
                self._said.add(name)
                say(f"note: {text}")

    def _few_steps(self) -> str:
        if self._steps >= FEW_STEPS:
            return ""
        noun = "step" if self._steps == 1 else "steps"
        return f"{self._images} images make {self._steps} {noun} an epoch: a smaller batch_size or more epochs"

    def _exploded(self, line: Line) -> str:
        if line["val_loss"] <= EXPLODED * self._guessing:
            return ""
        return (
            f"the validation loss, {line['val_loss']:,.1f}, is many times that of guessing ({self._guessing:.1f}): "
            "a lower optim.lr, or a longer schedule.warmup"
        )

    def _at_chance(self, line: Line) -> str:
        if line["epoch"] < PATIENCE or line["val_accuracy"] > CHANCE * self._majority:
            return ""
        return (
            f"after {line['epoch']} epochs no better than always naming the most frequent class "
            f"({self._majority:.1%}): another optim.lr, or model.pretrained=true"
        )

    def _below_the_cheapest(self, line: Line) -> str:
        late = max(PATIENCE, self._config.epochs // 2)
        if line["epoch"] < late:
            return ""
        if line["epoch"] == late:
            self._floor = self._cheapest()
        if line["val_accuracy"] >= self._floor:
            return ""
        return (
            f"after {line['epoch']} epochs {line['val_accuracy']:.1%} of the validation images are right; the nearest "
            f"of the classes' mean pictures, which takes no training, gets {self._floor:.1%}: model.pretrained=true, "
            "or another optim.lr"
        )

    def _by_heart(self, line: Line) -> str:
        if line["epoch"] < self._config.epochs or line["train_accuracy"] - line["val_accuracy"] <= GAP:
            return ""
        return (
            f"{line['train_accuracy']:.1%} of the training images are right and {line['val_accuracy']:.1%} of others: "
            "it memorises; stronger augment=, fewer epochs, or weights that have learnt elsewhere"
        )

    def _too_good(self, line: Line) -> str:
        augment, plain = self._config.augment, type(self._config.augment)()
        if augment != plain or self._config.model.dropout or line["epoch"] < self._config.epochs:
            return ""
        if line["val_accuracy"] - line["train_accuracy"] <= ABOVE:
            return ""
        return "validation is far above training: are copies of training images in it? `just audit` looks"
