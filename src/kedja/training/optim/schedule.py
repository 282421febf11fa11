"""The learning rate as a function of the step: nothing to save, nothing to restore."""

import math

from kedja.training.config.schema import ScheduleConfig


def factor(step: int, steps: int, config: ScheduleConfig) -> float:
    """What the highest learning rate is multiplied with at `step` of `steps` (counted from 0).

    Linear warm-up, then: ``onecycle`` a straight line, ``cosine`` half a cosine, both down to
    `config.final`; ``constant`` stays, and so does ``plateau``, whose drops `Trainer` multiplies in.
    """
    warmup = config.warmup * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1.0, steps - warmup)
    if config.name in ("constant", "plateau"):
        return 1.0
    remaining = 0.5 * (1 + math.cos(math.pi * done)) if config.name == "cosine" else 1 - done
    return config.final + (1 - config.final) * remaining
