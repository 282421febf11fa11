"""The optimizer: which parameters decay, and at which learning rate each learns."""

from typing import Any

import torch
from torch import nn

from kedja.training.config.schema import OptimConfig
from kedja.training.optim.muon import Muon


def build_optimizer(
    body: nn.Module, factors: dict[nn.Parameter, float], head: str, config: OptimConfig
) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, AdamW, or Muon for filters with Adam for the rest.

    Matrices and filters decay, vectors (biases, normalisations) do not. Each group's `peak_lr` is what
    the schedule scales.

    Args:
        factors: each parameter's learning-rate multiplier.
        head: name of the last layer, which Muon leaves to Adam.
    """
    groups: dict[tuple[bool, bool, float], dict[str, Any]] = {}
    for name, parameter in body.named_parameters():
        # The last layer has groups of its own: it may learn first, and a fused SGD takes no late-comers.
        decays, is_head, factor = parameter.ndim > 1, name.startswith(head), factors[parameter]
        orthogonal = config.name == "muon" and decays and not is_head
        peak = factor * (config.lr if orthogonal or config.name != "muon" else config.vector_lr)
        group = {"params": [], "weight_decay": config.weight_decay if decays else 0.0, "lr": peak, "peak_lr": peak}
        if config.name == "muon":
            group["orthogonal"] = orthogonal
        groups.setdefault((decays, is_head, factor), group)["params"].append(parameter)
    found = list(groups.values())
    if config.name == "muon":
        return Muon(found, lr=config.lr, momentum=config.momentum, betas=(config.beta1, config.beta2))
    if config.name == "adamw":
        return torch.optim.AdamW(found, lr=config.lr, betas=(config.beta1, config.beta2), fused=True)
    return torch.optim.SGD(found, lr=config.lr, momentum=config.momentum, nesterov=config.momentum > 0, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Set every group's learning rate to `share` times its highest."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * share
