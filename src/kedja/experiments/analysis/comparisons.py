"""Experiments against the best one: by how much, how sure, corrected for their number."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from kedja.common.errors import KedjaError
from kedja.data.splits.subset import KEYS
from kedja.experiments.analysis.statistics import (
    ALPHA,
    Difference,
    Interval,
    corrected,
    mean_accuracy,
    paired_difference,
    pairs,
    spread,
)
from kedja.frameworks.registry import find
from kedja.runs.read import Experiment
from kedja.training.config.compose import RECIPES
from kedja.training.config.schema import NOT_HASHED

MOST_PARTS = 3  # settings in a label
# Part of a run's settings, but not what an experiment is about.
NO_HYPERPARAMETERS = frozenset(
    {*NOT_HASHED, *RECIPES, "experiment", "device", "threads", "data.name", *(f"data.{key}" for key in KEYS)}
)


@dataclass(frozen=True)
class Result:
    """An experiment with its statistics.

    Attributes:
        label: its name, with what differs where several configurations share the name.
        accuracy: mean validation accuracy over seeds, with its interval over seeds and images.
        spread: standard deviation over seeds; None for one seed.
        behind: the best experiment's accuracy minus this one's, its interval corrected as `p` is; None for the best
            itself.
        p: p-value of that difference, adjusted for the number of pairs (Holm).
    """

    experiment: Experiment
    label: str
    accuracy: Interval
    spread: float | None
    behind: Difference | None = None
    p: float | None = None

    @property
    def detectably_worse(self) -> bool:
        return self.behind is not None and self.p is not None and self.p < ALPHA and self.behind.value > 0

    @property
    def seconds(self) -> float:
        """Mean wall time of a run."""
        return float(np.mean([run.wall_seconds for run in self.experiment.runs]))

    @property
    def joules(self) -> dict[str, float]:
        """Mean joules of a run by what took them (`cpu`, `gpu`), of what was counted in all runs."""
        counted = [run.energy.get("joules", {}) for run in self.experiment.runs]
        parts = [part for part in counted[0] if all(part in one for one in counted)]
        return {part: float(np.mean([one[part] for one in counted])) for part in parts}


def compare(experiments: list[Experiment]) -> list[Result]:
    """Statistics of each experiment, in the given order; the first is the best one.

    Raises:
        KedjaError: the runs were not validated on the same images.
    """
    correct = [experiment.correct() for experiment in experiments]
    _check_same_images(experiments)
    differences = corrected(
        [partial(paired_difference, correct[0], other) for other in correct[1:]], pairs(len(experiments))
    )
    labels = labels_of(experiments)
    results = []
    for index, experiment in enumerate(experiments):
        results.append(
            Result(
                experiment,
                labels[index],
                mean_accuracy(correct[index]),
                spread(experiment.accuracies),
                *(differences[index - 1] if index else (None, None)),
            )
        )
    return results


def labels_of(experiments: list[Experiment]) -> list[str]:
    """The experiments' names; configurations that share one are told apart by their settings: `cnn (optim.lr=0.1)`."""
    labels = []
    for experiment in experiments:
        same = [one for one in experiments if one.name == experiment.name]
        mine = experiment.first.hyperparameters
        parts = [f"{key}={_typed(mine.get(key))}" for key in differing_settings(same)]
        if len(same) > 1:
            parts = parts[:MOST_PARTS] or [experiment.config_hash[:4]]
        labels.append(f"{experiment.name} ({', '.join(parts)})" if parts else experiment.name)
    # Those whose first settings are alike need their hash after all.
    return [
        label if labels.count(label) == 1 else f"{label} {one.config_hash[:4]}"
        for label, one in zip(labels, experiments, strict=True)
    ]


def _typed(value: object) -> str:
    """A setting as it is typed."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def differing_settings(experiments: list[Experiment]) -> list[str]:
    """Hyper-parameters whose value is not the same in all trained experiments, in the order they are stored."""
    settings = [one.first.hyperparameters for one in experiments if not find(one.framework).is_baseline]
    keys = list(dict.fromkeys(key for one in settings for key in one))
    return [key for key in keys if key not in NO_HYPERPARAMETERS and len({repr(one.get(key)) for one in settings}) > 1]


def _check_same_images(experiments: list[Experiment]) -> None:
    reference = experiments[0].first.predictions().ids
    for experiment in experiments:
        for run in experiment.runs:
            if not np.array_equal(run.predictions().ids, reference):
                raise KedjaError(
                    f"{run.directory} was validated on other images than {experiments[0].first.directory}",
                    "remove the older of the two folders and run it again",
                )
