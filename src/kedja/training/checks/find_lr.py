"""The learning-rate range test (Smith 2015): raise the rate at every step and see where the loss falls fastest."""

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from kedja.common.errors import KedjaError
from kedja.common.files import write_bytes
from kedja.training.checks.rehearsal import rehearse
from kedja.training.config.schema import TrainConfig

LOWEST, HIGHEST, STEPS = 1e-6, 10.0, 120
SMOOTHING = 0.9
# The test ends when the loss has grown to this multiple of its lowest value.
DIVERGED = 4.0


@dataclass(frozen=True)
class RangeTest:
    """Rates that were tried, the smoothed loss after each, and the rate where it fell fastest."""

    rates: list[float]
    losses: list[float]
    suggestion: float


def find_lr(config: TrainConfig) -> RangeTest:
    """Train a fresh network for 120 steps with rates growing from 1e-6 to 10.

    Raises:
        KedjaError: the loss did not fall at any rate.
    """
    rehearsal = rehearse(config)
    rates: list[float] = []
    losses: list[float] = []
    average = 0.0
    for step, batch in enumerate(islice(rehearsal.batches(), STEPS)):
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
        outcome = rehearsal.learner.learn(batch, len(batch.labels), step, rate / config.optim.lr)
        loss = outcome.mean_loss
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        smoothed = average / (1 - SMOOTHING ** (step + 1))
        if not math.isfinite(loss) or smoothed > DIVERGED * min([*losses, smoothed]):
            break
        rates.append(rate)
        losses.append(smoothed)
    return RangeTest(rates, losses, steepest(rates, losses))


def plot(result: RangeTest, path: Path) -> None:
    """Loss against rate as PNG."""
    import io

    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(result.rates, result.losses)
    axes.axvline(result.suggestion, linestyle="--", color="tab:red", label=f"steepest: {result.suggestion:.2g}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="training loss, smoothed")
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    write_bytes(path, buffer.getvalue())


def steepest(rates: list[float], losses: list[float]) -> float:
    """Where the loss falls fastest over the logarithm of the rate, before its minimum."""
    lowest = losses.index(min(losses)) if losses else 0
    if lowest < 2:
        raise KedjaError("the loss did not fall at any learning rate", "try another model, or look at the images")
    falls = [losses[i - 1] - losses[i + 1] for i in range(1, lowest)]
    return rates[1 + falls.index(max(falls))]
