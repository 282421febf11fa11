"""Cross-validation: each configuration trained k times, each time validated on another fold.

The training parts of folds overlap, so folds are not independent and an ordinary t-test finds differences that are
not there. The variance is corrected for that (Nadeau & Bengio 2003, "Inference for the Generalization Error", Machine
Learning 52): 1/k + 1/(k − 1) in the place of 1/k, the second term being the size of a fold over that of the others.
"""

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt
from pathlib import Path

import numpy as np

from kedja.common.errors import KedjaError
from kedja.common.intervals import wilson
from kedja.experiments.analysis.statistics import ALPHA, LEVEL, Difference, Interval, corrected, pairs
from kedja.runs.read import Run, find_runs, newest_hash


@dataclass(frozen=True)
class Result:
    """One configuration over all folds.

    Attributes:
        label: its name, with digits of its hash where several configurations share the name.
        family: the hash that its runs on the whole data set have.
        runs: one a fold, in the folds' order.
        accuracy: mean over folds with its corrected interval.
        spread: standard deviation over folds.
        behind: the best one's accuracy minus this one's, paired over folds, its interval corrected as `p` is; None
            for the best itself.
        p: p-value of that difference, adjusted for the number of pairs (Holm).
    """

    label: str
    family: str
    runs: list[Run]
    accuracy: Interval
    spread: float
    behind: Difference | None = None
    p: float | None = None

    @property
    def accuracies(self) -> list[float]:
        return _accuracies(self.runs)

    @property
    def detectably_worse(self) -> bool:
        return self.behind is not None and self.p is not None and self.p < ALPHA and self.behind.value > 0


def cross_validate(runs: Path, data: str | None = None) -> list[Result]:
    """The configurations that have finished all their folds, best mean accuracy first; empty where there is none.

    Where there are several numbers of folds, the one that most configurations have; with equally many, the larger.

    Raises:
        KedjaError: a configuration's folds hold other images than another's.
    """
    complete = _complete(runs, data)
    if not complete:
        return []
    numbers = Counter(folds for _, _, folds in complete)
    chosen = max(numbers, key=lambda folds: (numbers[folds], folds))
    names = Counter(name for name, _, folds in complete if folds == chosen)
    results = [
        Result(
            name if names[name] == 1 else f"{name} {family[:4]}",
            family,
            members,
            mean_over_folds(members),
            float(np.std(_accuracies(members), ddof=1)),
        )
        for (name, family, folds), members in complete.items()
        if folds == chosen
    ]
    return _compared(sorted(results, key=lambda one: (-one.accuracy.value, _loss(one), one.label)))


def mean_over_folds(runs: list[Run]) -> Interval:
    """The mean accuracy; folds that are all right or all wrong get Wilson's bound for their images."""
    accuracies = _accuracies(runs)
    mean, low, high, _ = corrected_t(accuracies)
    if mean in (0.0, 1.0):
        images = sum(len(run.predictions().labels) for run in runs)
        low, high = wilson(round(mean) * images, images)
    return Interval(mean, max(low, 0.0), min(high, 1.0))


def corrected_t(values: list[float], level: float = LEVEL) -> tuple[float, float, float, float]:
    """Mean of one value a fold, the bounds of its interval, and the two-sided p-value of its being zero."""
    from scipy.stats import t

    count = len(values)
    mean = float(np.mean(values))
    error = sqrt((1 / count + 1 / (count - 1)) * float(np.var(values, ddof=1)))
    margin = float(t.ppf((1 + level) / 2, count - 1)) * error
    if error == 0:
        return mean, mean, mean, float(mean == 0)
    return mean, mean - margin, mean + margin, float(2 * t.sf(abs(mean) / error, count - 1))


def _complete(runs: Path, data: str | None) -> dict[tuple[str, str, int], list[Run]]:
    """(experiment, family, number of folds) → its runs by fold, of the lowest seed that has them all."""
    found = find_runs(runs, data)
    newest = newest_hash(found) if found else ""
    folds: dict[tuple[str, str, int, int], dict[int, Run]] = {}
    for run in found:
        if run.subset and run.subset["folds"] and run.subset["fraction"] == 1 and run.data["hash"] == newest:
            key = (run.experiment, run.subset["family"], run.subset["folds"], run.seed)
            folds.setdefault(key, {})[run.subset["fold"]] = run
    complete: dict[tuple[str, str, int], list[Run]] = {}
    for (name, family, number, _), members in sorted(folds.items(), key=lambda pair: pair[0]):
        if len(members) == number:
            complete.setdefault((name, family, number), [members[fold] for fold in range(number)])
    return complete


def _compared(results: list[Result]) -> list[Result]:
    """Each with its distance to the first, paired over folds."""
    best = results[0]
    differences = corrected([partial(_difference, best, other) for other in results[1:]], pairs(len(results)))
    rest = zip(results[1:], differences, strict=True)
    return [best, *(replace(result, behind=difference, p=p) for result, (difference, p) in rest)]


def _difference(first: Result, second: Result, level: float) -> Difference:
    for one, other in zip(first.runs, second.runs, strict=True):
        if not np.array_equal(one.predictions().ids, other.predictions().ids):
            raise KedjaError(
                f"{other.directory} was validated on other images than {one.directory}",
                "remove the older of the two folders and run it again",
            )
    folds = zip(first.accuracies, second.accuracies, strict=True)
    return Difference(*corrected_t([one - other for one, other in folds], level))


def _accuracies(runs: list[Run]) -> list[float]:
    return [run.validation["accuracy"] for run in runs]


def _loss(result: Result) -> float:
    return float(np.mean([run.validation["loss"] for run in result.runs]))
