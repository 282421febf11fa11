"""A stage within some minutes: successive halving over the experiments, with what was cut said.

Every experiment gets a quarter of its epochs, the better half of them all of theirs, and the best one the other
seeds (Jamieson and Talwalkar 2016). What is run counts as any other run: the same command without the limit goes on.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kedja.experiments.launch import plan
from kedja.experiments.launch.plan import TrainingRun
from kedja.experiments.launch.pool import Outcome, Task
from kedja.runs.folder import is_finished
from kedja.runs.read import Run, read_run
from kedja.training.config.schema import steps_through_epochs

PART = 4
# Runs what is unfinished of these tasks, until the moment (as `time.monotonic` has it); what has ended.
Go = Callable[[Sequence[Task], float], list[Outcome]]


@dataclass
class Spent:
    """Attributes:
    tasks: all that were wanted.
    outcomes: of those that ran to their end.
    cut: what was not done, a line each.
    """

    tasks: list[Task] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)


def spend(minutes: float, wanted: Sequence[TrainingRun], others: Sequence[Task], train: str, go: Go) -> Spent:
    """Run as much of `wanted` as the minutes allow, the most promising first.

    Args:
        wanted: every experiment with every seed, the first seed's before the others'.
        others: what the experiments are compared with; they run before the other seeds.
        train: the module that trains one run.
    """
    deadline, spent = time.monotonic() + 60 * minutes, Spent()

    def round_of(runs: Sequence[TrainingRun], more: Sequence[Task] = ()) -> list[tuple[TrainingRun, Run]]:
        tasks = [*plan.training_tasks(runs, train), *more]
        spent.tasks += tasks
        spent.outcomes += go(tasks, deadline)
        pairs = list(zip(runs, tasks, strict=False))
        spent.cut += [f"out of time: {run.name}" for run, task in pairs if not is_finished(task.directories[0])]
        done = [(run, read_run(task.directories[0])) for run, task in pairs if is_finished(task.directories[0])]
        return sorted(done, key=lambda one: (-one[1].validation["accuracy"], one[1].validation["loss"]))

    first = [run for run in wanted if run.config.seed == wanted[0].config.seed]
    tried = round_of([_shortened(run) for run in first])
    whole = {short.config.experiment: run for short, run in zip(map(_shortened, first), first, strict=True)}
    half = (len(tried) + 1) // 2
    spent.cut += [
        f"cut after {run.epochs} epochs with {run.validation['accuracy']:.2%}: {short.config.experiment}"
        for short, run in tried[half:]
    ]
    kept = []
    for short, run in tried[:half]:
        left = deadline - time.monotonic()
        full = whole[short.config.experiment]
        seconds = run.wall_seconds * full.config.epochs / run.epochs
        if full.config.epochs > short.config.epochs and seconds > left:
            spent.cut.append(f"takes about {seconds / 60:.1f} minutes, more than were left: {full.name}")
        else:
            kept.append(full)
    finished = round_of(kept, others)
    if finished:
        best = finished[0][0].config.experiment
        round_of([run for run in wanted if run.config.experiment == best and run not in first])
    return spent


def _shortened(run: TrainingRun) -> TrainingRun:
    """The run with a quarter of its epochs, where it takes any."""
    if not steps_through_epochs(run.config) or run.config.epochs < PART:
        return run
    epochs = run.config.epochs // PART
    config = dataclasses.replace(run.config, epochs=epochs)
    return TrainingRun(f"{run.name} epochs={epochs}", [*run.overrides, f"epochs={epochs}"], config)
