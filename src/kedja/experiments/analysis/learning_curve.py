"""The learning curve: errors at growing fractions of the training images, and their power law.

err(n) = a + b·n^(−c) describes how the error of a classifier falls with its training images (Cortes et al. 1994,
"Learning Curves: Asymptotic Values and Rate of Convergence", NIPS 6; Hestness et al. 2017, "Deep Learning Scaling is
Predictable, Empirically", arXiv:1712.00409). Intervals come from fitting it again to resampled seeds and images.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kedja.data.prepared import PreparedDataset
from kedja.data.splits.subset import Subset, take
from kedja.experiments.analysis.statistics import LEVEL, Interval
from kedja.experiments.launch.plan import Request
from kedja.experiments.reproduce import overrides
from kedja.frameworks.registry import find
from kedja.runs.folder import CONFIG
from kedja.runs.read import Run, find_runs
from kedja.training.config.compose import from_json

SHARES = (0.1, 0.2, 0.4, 0.7)
FEWEST_SIZES = 4
REPLICATES = 400
# A gain below a hundredth of a percentage point is none.
NOTHING = 1e-4
_STEEPEST = 2.0
_SEED = 20_260_101


@dataclass(frozen=True)
class Curve:
    """Errors of one configuration by number of training images, and the power law.

    Attributes:
        images: training images of each size, ascending; the last is all of them.
        errors: for each size the validation error of each seed.
        grid: numbers of images from the smallest size to twice all of them.
        fitted: for each of `grid` the law's error, with its 95 % interval.
        doubled: how much accuracy twice the images would bring: the error measured with all of them, less the law's.
        law: a, b, c with n in shares of all images.
        nouns: what the images are called.
    """

    experiment: str
    images: list[int]
    errors: list[list[float]]
    grid: list[float]
    fitted: list[Interval]
    doubled: Interval
    law: tuple[float, float, float]
    nouns: str = "images"

    @property
    def told(self) -> bool:
        """Whether the interval leaves out that more images bring nothing."""
        return self.doubled.low > NOTHING


def request(run: Run, seeds: list[int]) -> Request:
    """The runs that a learning curve of the run's configuration needs, those on all images included."""
    config = dataclasses.asdict(from_json(run.directory / CONFIG))
    same = [one for one in overrides(config) if one.partition("=")[0] not in ("experiment", "seed")]
    return Request(seeds, [run.experiment], baselines=False, overrides=same, shares=list(SHARES))


def learning_curve(runs: Path, dataset: PreparedDataset) -> Curve | None:
    """The curve of the configuration with the most shares (then the best one), None where none has four sizes."""
    found = [run for run in find_runs(runs, dataset.name) if run.data["hash"] == dataset.hash]
    curves: dict[tuple[str, str], dict[float, list[Run]]] = {}
    for run in found:
        part = run.subset or {"folds": 0, "fraction": 1.0, "family": run.config_hash}
        if not part["folds"] and not find(run.framework).is_baseline:
            curves.setdefault((run.experiment, part["family"]), {}).setdefault(part["fraction"], []).append(run)
    complete = [(key, sizes) for key, sizes in curves.items() if len(sizes) >= FEWEST_SIZES and 1.0 in sizes]
    if not complete:
        return None
    (name, _), sizes = max(complete, key=lambda one: (len(one[1]), _accuracy(one[1][1.0])))
    return _curve(name, dict(sorted(sizes.items())), dataset)


def power_law(shares: NDArray[np.float64], errors: NDArray[np.float64]) -> tuple[float, float, float]:
    """Least squares of a + b·share^(−c) with a, b ≥ 0 and 0 ≤ c ≤ 2, relative to the errors' own spread."""
    from scipy.optimize import least_squares

    # The variance of a share of wrong answers is proportional to p·(1 − p).
    weights = 1 / np.sqrt(np.clip(errors * (1 - errors), 1e-4, None))

    def residuals(law: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = (_law(law, shares) - errors) * weights
        return result

    start = (float(errors[-1]) / 2, max(float(errors[-1]) / 2, 1e-4), 0.5)
    found = least_squares(residuals, start, bounds=((0, 0, 0), (1, 1, _STEEPEST)))
    a, b, c = (float(value) for value in found.x)
    return a, b, c


def _curve(name: str, sizes: dict[float, list[Run]], dataset: PreparedDataset) -> Curve:
    shares = np.array(list(sizes))
    correct = [np.stack([run.predictions().correct for run in members]) for members in sizes.values()]
    grid = np.geomspace(shares[0], 2.0, 40)
    measured = np.array([1 - one.mean() for one in correct])
    law = power_law(shares, measured)
    resampled = _resampled(correct)
    replicates = np.array([_law(np.array(power_law(shares, errors)), grid) for errors in resampled])
    expected = _law(np.array(law), grid)
    # From what was measured, not from the law's own value there: where the law fits badly, the latter would flatter.
    gains = np.array([errors[-1] for errors in resampled]) - replicates[:, -1]
    total = len(dataset.split("train"))
    return Curve(
        name,
        [len(take(dataset, Subset(fraction=share)).split("train")) for share in sizes],
        [[1 - float(seed.mean()) for seed in one] for one in correct],
        (grid * total).tolist(),
        [_interval(value, column) for value, column in zip(expected, replicates.T, strict=True)],
        _interval(measured[-1] - expected[-1], gains),
        law,
        dataset.input.nouns,
    )


def _law(law: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    errors: NDArray[np.float64] = law[0] + law[1] * shares ** -law[2]
    return errors


def _resampled(correct: list[NDArray[np.bool_]]) -> list[NDArray[np.float64]]:
    """Errors by size, images drawn in common and seeds for each size, many times."""
    generator = np.random.default_rng(_SEED)
    count = correct[0].shape[1]
    found = []
    for _ in range(REPLICATES):
        images = generator.integers(0, count, count)
        seeds = [one[generator.integers(0, len(one), len(one))] for one in correct]
        found.append(np.array([1 - one[:, images].mean() for one in seeds]))
    return found


def _interval(value: float, replicates: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(replicates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high))


def _accuracy(runs: list[Run]) -> float:
    return float(np.mean([run.validation["accuracy"] for run in runs]))
