"""The learning rate as a function of the step: nothing to save, nothing to restore."""

import math

from kedja.training.config.schema import ScheduleConfig
from kedja.training.optim.registry import SCHEDULES


def factor(step: int, steps: int, config: ScheduleConfig) -> float:
    """What the highest learning rate is multiplied with at `step` of `steps` (counted from 0).

    Linear warm-up, then the curve of the schedule, down to `config.final`; one without a curve stays, and so does one
    that waits for the validation loss, whose drops `Trainer` multiplies in.
    """
    warmup = config.warmup * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    curve = SCHEDULES[config.name].maker
    if curve is None:
        return 1.0
    remaining: float = curve((step - warmup) / max(1.0, steps - warmup))
    return config.final + (1 - config.final) * remaining


def straight(done: float) -> float:
    """From 1 to 0 in a straight line."""
    return 1 - done


def half_cosine(done: float) -> float:
    """From 1 to 0 in half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * done))
