"""The optimizer: which parameters decay, and at which learning rate each learns."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from kedja.training.config.schema import OptimConfig
from kedja.training.optim.muon import Muon
from kedja.training.optim.registry import OPTIMIZERS


@dataclass
class Group:
    """Parameters that learn alike.

    Attributes:
        decays: whether they are matrices or filters; vectors (biases, normalisations) do not decay.
        is_head: whether they are the last layer's, which may learn first: a fused SGD takes no late-comers.
        factor: learning-rate multiplier.
    """

    decays: bool
    is_head: bool
    factor: float
    parameters: list[nn.Parameter] = field(default_factory=list)

    def settings(self, config: OptimConfig, rate: float) -> dict[str, Any]:
        """As torch's optimizers want it; the schedule scales `peak_lr`."""
        decay, peak = config.weight_decay if self.decays else 0.0, self.factor * rate
        return {"params": self.parameters, "weight_decay": decay, "lr": peak, "peak_lr": peak}


def build_optimizer(
    body: nn.Module, factors: dict[nn.Parameter, float], head: str, config: OptimConfig
) -> torch.optim.Optimizer:
    """The optimizer that the configuration names.

    Args:
        factors: each parameter's learning-rate multiplier.
        head: name of the last layer, which Muon leaves to Adam.
    """
    groups: dict[tuple[bool, bool, float], Group] = {}
    for name, parameter in body.named_parameters():
        facts = (parameter.ndim > 1, name.startswith(head), factors[parameter])
        groups.setdefault(facts, Group(*facts)).parameters.append(parameter)
    optimizer: torch.optim.Optimizer = OPTIMIZERS[config.name].maker(list(groups.values()), config)
    return optimizer


def sgd(groups: list[Group], config: OptimConfig) -> torch.optim.Optimizer:
    """With Nesterov momentum."""
    found = [group.settings(config, config.lr) for group in groups]
    return torch.optim.SGD(found, lr=config.lr, momentum=config.momentum, nesterov=config.momentum > 0, fused=True)


def adamw(groups: list[Group], config: OptimConfig) -> torch.optim.Optimizer:
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019)."""
    found = [group.settings(config, config.lr) for group in groups]
    return torch.optim.AdamW(found, lr=config.lr, betas=(config.beta1, config.beta2), fused=True)


def muon(groups: list[Group], config: OptimConfig) -> torch.optim.Optimizer:
    """Muon for filters and matrices; Adam for vectors and the last layer."""
    found = []
    for group in groups:
        orthogonal = group.decays and not group.is_head
        rate = config.lr if orthogonal else config.vector_lr
        found.append(group.settings(config, rate) | {"orthogonal": orthogonal})
    return Muon(found, lr=config.lr, momentum=config.momentum, betas=(config.beta1, config.beta2))


def set_learning_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Set every group's learning rate to `share` times its highest."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * share
