"""A moving average of the weights, which is evaluated and kept in their place (Polyak and Juditsky 1992)."""

import copy

import torch
from torch import Tensor

from kedja.training.models.classifier import Classifier


class Ema:
    """Follows `source`; `module` is the averaged copy, in evaluation mode."""

    def __init__(self, source: Classifier, decay: float) -> None:
        self.source, self.decay, self.updates = source, decay, 0
        self.module = copy.deepcopy(source)
        self.module.eval().requires_grad_(False)
        self._pairs: tuple[list[Tensor], ...] = ()

    @torch.no_grad()
    def update(self) -> None:
        """After every optimizer step. Early on the average is short, so that it forgets the initial weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        # Looked up once: a state dictionary a step is much for a processor that a GPU waits for.
        self._pairs = self._pairs or self._look_up()
        averaged, current, counts, current_counts = self._pairs
        torch._foreach_lerp_(averaged, current, 1 - decay)
        if counts:
            torch._foreach_copy_(counts, current_counts)

    def _look_up(self) -> tuple[list[Tensor], ...]:
        """Averaged and current weights, then averaged and current counts (whole numbers, which are copied)."""
        mine, theirs = (_tensors(module) for module in (self.module, self.source))
        floating = [value.is_floating_point() for value in mine]
        return (
            *([v for v, is_float in zip(values, floating, strict=True) if is_float] for values in (mine, theirs)),
            *([v for v, is_float in zip(values, floating, strict=True) if not is_float] for values in (mine, theirs)),
        )


def _tensors(module: Classifier) -> list[Tensor]:
    """Of a network that is shared out, this process's share."""
    return [value.to_local() if hasattr(value, "to_local") else value for value in module.state_dict().values()]
