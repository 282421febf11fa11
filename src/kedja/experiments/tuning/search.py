"""A search from start to verdict: study, workers' loop, best settings, and their check with fresh seeds."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError
from kedja.common.names import plain_name
from kedja.experiments.analysis.comparisons import Result, compare
from kedja.experiments.analysis.statistics import Difference, paired_difference
from kedja.experiments.launch.plan import TRAIN, Request
from kedja.experiments.launch.stage import run_stage
from kedja.experiments.tuning import experiment_file, study
from kedja.experiments.tuning import worker as tune
from kedja.experiments.tuning.search_space import merge, read_space
from kedja.frameworks.registry import find
from kedja.runs.read import DEBUG, Experiment, find_experiments
from kedja.training.config.compose import compose, experiment_of

REDUCTION = 3


@dataclass(frozen=True)
class Search:
    """What is asked for; see the options of `scripts/tune.py` for the meanings."""

    name: str
    storage: str
    space_file: Path
    space: Mapping[str, str]
    overrides: Sequence[str]
    objectives: Sequence[str]
    trials: int
    minutes: float | None
    jobs: int
    seed: int
    runs: Path
    train: str = TRAIN


@dataclass(frozen=True)
class Found:
    """What a study holds now.

    Attributes:
        counts: state of the trials → how many.
        complete: the budget is spent and every trial has ended.
        best: value of the best trial (accuracy), or the Pareto front as (accuracy, latency) pairs.
        best_overrides: the best trial's settings, of a front those of its most accurate trial.
    """

    name: str
    counts: Mapping[str, int]
    complete: bool
    best: list[list[float]]
    best_overrides: list[str]

    def text(self) -> str:
        counts = ", ".join(f"{number} {state}" for state, number in self.counts.items())
        lines = [f"study {self.name}: {counts}" + ("" if self.complete else "; run it again to go on")]
        for values in self.best:
            accuracy, *rest = values
            lines.append(f"  {accuracy:.2%} validation accuracy" + "".join(f", {ms:.2f} ms an image" for ms in rest))
        if self.best_overrides:
            lines.append(f"  best settings: {' '.join(self.best_overrides)}")
        return "\n".join(lines)


def search(wanted: Search, say: tune.Say) -> Found:
    """Work on the study until its budget or the minutes are spent; the study as it is then.

    Raises:
        KedjaError: an unknown key in the space, or a database that cannot be used.
    """
    import optuna

    from kedja.data.versions.ensure import ensure

    plain_name("study", wanted.name)
    space = merge(read_space(wanted.space_file), wanted.space)
    config = compose(list(wanted.overrides))
    _check(space, wanted.overrides)
    ensure(config.data.name)
    storage = wanted.storage or study.default_storage(wanted.runs, wanted.name)
    directions = [tune.DIRECTIONS[name] for name in wanted.objectives]
    # The first decision falls after a fifth of the epochs (warm-up is over then), the second after three.
    pruner = optuna.pruners.SuccessiveHalvingPruner(
        min_resource=max(1, round(config.epochs / 5)), reduction_factor=REDUCTION
    )
    shared = study.open_study(wanted.name, storage, directions, pruner=pruner, seed=wanted.seed)
    study.check_space(shared, wanted.name, {one.key: one.distribution() for one in space})
    folder = wanted.runs / "tune" / wanted.name
    work = tune.Plan(
        wanted.overrides, space, wanted.objectives, wanted.trials, wanted.minutes, wanted.jobs, folder, wanted.train
    )
    tune.work(shared, work, say)
    return summarise(shared, wanted, space)


def summarise(shared: Any, wanted: Search, space: Sequence[Any]) -> Found:
    """The study's counts and best trials."""
    from optuna.trial import FixedTrial, TrialState

    trials = shared.get_trials(deepcopy=False)
    counts = {state.name.lower(): sum(one.state == state for one in trials) for state in TrialState}
    best = shared.best_trials if counts["complete"] else []
    best = sorted(best, key=lambda one: (-one.values[0], one.user_attrs.get(tune.LOSS, 0.0)))
    # Trials that tie in accuracy are no front: the one with the lowest loss is the best.
    best = best if len(wanted.objectives) > 1 else best[:1]
    overrides = [one.suggest(FixedTrial(best[0].params)) for one in space] if best else []
    return Found(
        wanted.name,
        {state: number for state, number in counts.items() if number},
        study.all_done(shared, wanted.trials),
        [list(one.values) for one in best],
        [*wanted.overrides, *overrides] if best else [],
    )


def confirm(wanted: Search, found: Found, conf: Path, name: str, seeds: Sequence[int]) -> str:
    """Write the best settings down, run them with fresh seeds, and say how they compare.

    The study chose among many trials by their validation accuracy: its own figure is too good by luck.

    Args:
        name: the settings become this experiment, which is compared from then on; empty: they stay in the study's
            folder, and so do their runs.
    """
    comment = f"study {wanted.name}, {wanted.trials} trials."
    folder = wanted.runs / "tune" / wanted.name
    if name:
        path, runs = experiment_file.save(conf, name, found.best_overrides, comment), wanted.runs
        base, overrides = name, []
    else:
        path, runs = experiment_file.write(folder / "found.yaml", conf, found.best_overrides, comment), folder / "check"
        base = experiment_of(found.best_overrides)
        overrides = [one for one in found.best_overrides if not one.startswith("experiment=")]
    request = Request(list(seeds), only=[base], baselines=False, overrides=[*overrides, f"runs={runs}"])
    stage = run_stage(request, conf, runs, wanted.jobs, train=wanted.train)
    if stage.failures:
        return f"{path} is written, but its runs failed: see {stage.failures[0].task.log}"
    if name:
        return f"{path} is written\n{verdict(compare(find_experiments(runs, stage.data)), name)}"
    label = f"study {wanted.name}"
    checked = [replace(one, name=label) for one in find_experiments(runs, stage.data)[:1]]
    return f"{path} is written\n{verdict(compare(_with_others(checked, wanted.runs, stage.data)), label)}"


def _with_others(checked: list[Experiment], runs: Path, data: str) -> list[Experiment]:
    """Best first, with the experiments that there are."""
    others: list[Experiment] = []
    with contextlib.suppress(KedjaError):  # there may be none
        others = find_experiments(runs, data)
    return sorted([*checked, *others], key=lambda one: (-one.mean_accuracy, one.mean_loss))


def verdict(results: Sequence[Result], name: str) -> str:
    """The tuned experiment against the best of the others that are networks."""
    tuned = next(one for one in results if one.experiment.name == name)
    others = [
        one
        for one in results
        if one.experiment.name not in (name, DEBUG) and not find(one.experiment.framework).is_baseline
    ]
    accuracy = f"{name} reaches {tuned.accuracy.value:.2%} with fresh seeds"
    if not others:
        return f"{accuracy}; there is no other experiment to compare with"
    other = others[0]
    difference = paired_difference(tuned.experiment.correct(), other.experiment.correct())
    return f"{accuracy}; {_relation(difference)} {other.label} ({other.accuracy.value:.2%})"


def _relation(difference: Difference) -> str:
    points = f"{100 * difference.value:+.2f} points, {100 * difference.low:+.2f} to {100 * difference.high:+.2f}"
    if difference.p >= 0.05:
        return f"no detectable difference ({points}) from the best other experiment"
    return f"{'it beats' if difference.value > 0 else 'it does not reach'} ({points}) the best other experiment"


def _check(space: Sequence[Any], overrides: Sequence[str]) -> None:
    """A key that training does not know is refused now, not in every trial."""
    low = [f"{one.key}={one.choices[0] if one.choices else one.low}" for one in space]
    compose([*overrides, *low])
