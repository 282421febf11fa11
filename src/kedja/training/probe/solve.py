"""The last layer of a network that has learnt elsewhere, solved: logistic regression on features computed once."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from kedja.common.errors import KedjaError
from kedja.data.prepared import PreparedDataset
from kedja.runs.scores import score
from kedja.training.config.schema import AugmentConfig, TrainConfig
from kedja.training.kinds import taken
from kedja.training.models.classifier import Classifier
from kedja.training.optim.layer_groups import BODY, head_name
from kedja.training.optim.registry import OPTIMIZERS
from kedja.training.probe.features import View, features
from kedja.training.probe.frozen import Frozen
from kedja.training.probe.linear import Linear, path

# Of which the best begins a network that is trained on: a rough choice does.
HEAD_PENALTIES = 5
# A last layer with its scores on train and val.
Solution = tuple[Linear, dict[str, float], dict[str, float]]


def check_solvable(config: TrainConfig) -> None:
    """Raise a `KedjaError` for settings that a solved layer would not follow, where it is to be solved."""
    has_learnt = config.model.pretrained or config.model.init_from
    if config.finetune.solve_head and not has_learnt:
        raise KedjaError("finetune.solve_head needs a network that has learnt", "model.pretrained=true or init_from=…")
    name = config.optim.name
    if not OPTIMIZERS[name].solves:
        return
    if config.finetune.freeze != BODY:
        raise KedjaError(f"optim={name} solves the last layer alone", "finetune=head-only, or optim=adamw")
    if not config.optim.views and config.augment != AugmentConfig():
        raise KedjaError(f"optim={name} sees every image once, as it is", "augment=none, or optim.views=4")
    if config.optim.views and not _varies_each_alone(config.augment):
        raise KedjaError(
            f"optim.views shows every image by itself, varied at random, which augment={config.augment} does not",
            "augment=photos",
        )
    if not has_learnt:
        raise KedjaError(f"optim={name} needs a network that has learnt", "model.pretrained=true or init_from=…")


def solve(classifier: Classifier, data: PreparedDataset, config: TrainConfig, count: int) -> Iterator[Solution]:
    """A last layer for each of `count` penalties, from strong to weak, scored on train and val."""
    classes = len(data.classes)
    frozen: Frozen = taken(data.kind).frozen(classifier, data)
    (train, of_train), (val, of_val) = (
        (features(frozen, data, data.split(split)), data.labels[data.split(split)]) for split in ("train", "val")
    )
    balanced = config.loss.class_weights == "balanced" or config.data.sampler == "balanced"
    views = [View(config.augment, config.seed, number) for number in range(config.optim.views)]
    shown = np.concatenate([train, *(features(frozen, data, data.split("train"), view) for view in views)])
    for linear in path(
        shown, np.tile(of_train, 1 + len(views)), classes, count, balanced=balanced, copies=1 + len(views)
    ):
        yield linear, score(linear(train), of_train), score(linear(val), of_val)


def _varies_each_alone(config: AugmentConfig) -> bool:
    mixes = config.mixup or config.cutmix or config.erase or config.early_side
    return config != AugmentConfig() and not mixes and config.flip != "alternating"


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
