"""A moving average of the weights, which is evaluated and kept in their place (Polyak and Juditsky 1992)."""

import copy

import torch

from kedja.training.models.classifier import Classifier


class Ema:
    """Follows `source`; `module` is the averaged copy, in evaluation mode."""

    def __init__(self, source: Classifier, decay: float) -> None:
        self.source, self.decay, self.updates = source, decay, 0
        self.module = copy.deepcopy(source)
        self.module.eval().requires_grad_(False)

    @torch.no_grad()
    def update(self) -> None:
        """After every optimizer step. Early on the average is short, so that it forgets the initial weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        averaged, current = self.module.state_dict(), self.source.state_dict()
        floating = [name for name, value in current.items() if value.is_floating_point()]
        torch._foreach_lerp_([averaged[n] for n in floating], [current[n] for n in floating], 1 - decay)
        for name in current.keys() - set(floating):
            averaged[name].copy_(current[name])
