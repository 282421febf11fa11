"""Bootstrap intervals over seeds and test images, paired comparisons, correction for many of them.

A run's result varies for two reasons: other seeds and other images. Both are resampled together (the
"pigeonhole" bootstrap for crossed factors: Owen 2007, Annals of Applied Statistics 1(2)). Resampling a handful
of seeds understates their spread by (S - 1)/S; the deviations are scaled up for that (Hesterberg 2015, The
American Statistician 69(4), "narrowness bias").

Where few images are answered differently the bootstrap finds too much: six images against none have 0.005, and a coin
falls six times on one side with 0.031. There the exact test decides as well: each image's difference may have had
either sign (Fisher's randomisation test; for one seed each it is McNemar's exact test, 1947, Psychometrika 12).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kedja.common.intervals import wilson

REPLICATES = 10_000
LEVEL = 0.95
ALPHA = 0.05
# Up to so many images that are answered differently the exact test is asked too; beyond, both agree.
FEW = 400
_SEED = 20_260_101


@dataclass(frozen=True)
class Interval:
    """A value with the bounds of its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Mean accuracy of one experiment minus another's, with its interval and two-sided p-value (of this pair alone)."""

    value: float
    low: float
    high: float
    p: float


def spread(values: Sequence[float]) -> float | None:
    """Sample standard deviation; None where there are fewer than two values."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def mean_accuracy(correct: NDArray[np.bool_]) -> Interval:
    """The mean over seeds of the share of correct images, `correct` being bool (seeds, N).

    Where every image is right (or wrong) for every seed, resampling sees no variation; the open bound is
    then Wilson's score bound.
    """
    value = float(correct.mean())
    replicates = _replicated_means([correct])[0]
    low, high = np.quantile(replicates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if value in (0.0, 1.0):
        low, high = wilson(round(value) * correct.shape[1], correct.shape[1])
    return Interval(value, float(max(low, 0.0)), float(min(high, 1.0)))


def paired_difference(first: NDArray[np.bool_], second: NDArray[np.bool_], level: float = LEVEL) -> Difference:
    """`first` minus `second`, both bool (seeds, N) over the same N images in the same order.

    The p-value is the larger of the bootstrap's and, where few images differ, the exact test's; the interval holds
    nought where that p-value is above 1 - `level`.
    """
    replicates = np.subtract(*_replicated_means([first, second]))
    value = float(first.mean() - second.mean())
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    p = max(_bootstrap_p(replicates), exact_p(first, second))
    found = Difference(value, float(low), float(high), p)
    return _with_nought(found) if p > 1 - level else found


def exact_p(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Two-sided p-value of `first` and `second`, bool (seeds, N), being equally good, by the exact test.

    Where more than FEW images are answered differently it is not asked, and 0.
    """
    scale = math.lcm(len(first), len(second))
    scores = first.sum(axis=0, dtype=np.int64) * (scale // len(first))
    scores -= second.sum(axis=0, dtype=np.int64) * (scale // len(second))
    sizes = np.abs(scores[scores != 0])
    if len(sizes) > FEW:
        return 0.0
    # The distribution of the sum when every sign is as likely as the other, image by image; the middle is a sum of 0.
    weights = np.ones(1)
    for size in sizes.tolist():
        weights = (np.pad(weights, (2 * size, 0)) + np.pad(weights, (0, 2 * size))) / 2
    sums = np.arange(len(weights)) - len(weights) // 2
    return min(1.0, float(weights[np.abs(sums) >= abs(int(scores.sum()))].sum()))


def pairs(count: int) -> int:
    """Of so many things."""
    return count * (count - 1) // 2


def holm(p_values: Sequence[float], family: int | None = None) -> list[float]:
    """P-values adjusted for their number (Holm 1979, Scandinavian Journal of Statistics 6), in their order.

    Args:
        family: how many comparisons these were chosen from, if more than are here. Of several experiments compared
            with the one that came out best, those are all `pairs`: the best was chosen by the same images.
    """
    number = len(p_values) if family is None else family
    order = np.argsort(p_values, kind="stable")
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (number - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def corrected(differences: Sequence[Callable[[float], Difference]], family: int) -> list[tuple[Difference, float]]:
    """Each difference with the interval that goes with its verdict, and its p-value adjusted for the `family` (Holm).

    An interval at 95 % would leave nought out for pairs that the correction finds no difference in. Each has the level
    that its step of Holm's procedure asks for, and holds nought exactly where the adjusted p-value says so.

    Args:
        differences: called with a level, each gives the difference and its interval at that level.
        family: how many comparisons these were chosen from, see `holm`.
    """
    p_values = [at(LEVEL).p for at in differences]
    found: list[tuple[Difference, float]] = []
    for at, p, adjusted in zip(differences, p_values, holm(p_values, family), strict=True):
        step = family - sum(other < p for other in p_values)
        wide = at(1 - ALPHA / max(1, step))
        found.append((wide if adjusted < ALPHA else _with_nought(wide), adjusted))
    return found


def _with_nought(one: Difference) -> Difference:
    return replace(one, low=min(one.low, 0.0), high=max(one.high, 0.0))


def bootstrap(statistic: Callable[[NDArray[np.int64]], float], count: int, replicates: int = 1000) -> Interval:
    """Percentile interval of any `statistic(indices)` of `count` images."""
    generator = np.random.default_rng(_SEED)
    values = [statistic(generator.integers(0, count, count)) for _ in range(replicates)]
    finite = [value for value in values if np.isfinite(value)]
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if finite else (np.nan, np.nan)
    return Interval(statistic(np.arange(count)), float(low), float(high))


def _bootstrap_p(replicates: NDArray[np.float64]) -> float:
    """Two-sided; where no replicate lies beyond nought, from the normal tail that they stand for."""
    tail = min(np.count_nonzero(replicates <= 0), np.count_nonzero(replicates >= 0))
    if tail == 0 and (deviation := float(replicates.std())) > 0:
        normal = math.erfc(abs(float(replicates.mean())) / deviation / math.sqrt(2))
        return min(normal, 2 / (len(replicates) + 1))
    return min(1.0, 2 * (int(tail) + 1) / (len(replicates) + 1))


def _replicated_means(groups: list[NDArray[np.bool_]]) -> list[NDArray[np.float64]]:
    """For each group bool (seeds, N), its mean accuracy in REPLICATES resamplings; images are drawn in common.

    Images that all models answer alike are exchangeable, so patterns are drawn with their counts: the cost
    does not grow with N.
    """
    generator = np.random.default_rng(_SEED)
    stacked = np.concatenate(groups).T
    patterns, counts = np.unique(stacked, axis=0, return_counts=True)
    draws = generator.multinomial(len(stacked), counts / counts.sum(), size=REPLICATES)
    accuracies = draws @ patterns.astype(np.float64) / len(stacked)
    means, start = [], 0
    for group in groups:
        means.append(_resample_seeds(accuracies[:, start : start + len(group)], generator))
        start += len(group)
    return means


def _resample_seeds(accuracies: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """float64 (replicates, seeds) → (replicates,): the mean of seeds drawn with replacement, spread corrected."""
    replicates, seeds = accuracies.shape
    centre: NDArray[np.float64] = accuracies.mean(axis=1)
    if seeds == 1:
        return centre
    drawn = np.take_along_axis(accuracies, generator.integers(0, seeds, (replicates, seeds)), axis=1).mean(axis=1)
    widened: NDArray[np.float64] = centre + np.sqrt(seeds / (seeds - 1)) * (drawn - centre)
    return widened
