"""One worker of a study: asks for trials, runs each as a training process, reports its epochs, prunes, tells.

Any number of workers, on any number of machines, may share a study; each can die at any moment.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedja.experiments.launch import pool, warm
from kedja.experiments.launch.plan import TRAIN
from kedja.experiments.launch.pool import Task
from kedja.experiments.launch.stage import share_cores
from kedja.experiments.tuning import study
from kedja.experiments.tuning.search_space import Dimension
from kedja.runs.read import read_metrics, read_run

Say = Callable[[str], None]
ACCURACY, LATENCY = "accuracy", "latency"
DIRECTIONS = {ACCURACY: "maximize", LATENCY: "minimize"}
FOLDER = "folder"
LOSS = "validation_loss"
IDLE_SECONDS = 1.0


@dataclass(frozen=True)
class Plan:
    """What a worker does.

    Attributes:
        overrides: for training, the same for every trial (the experiment they start from among them).
        space: what varies.
        objectives: `accuracy` (validation), or `accuracy` and `latency`.
        trials: how many the whole study gets, over all workers.
        minutes: how long this worker works; None for no limit.
        jobs: its processes side by side.
        folder: where the runs of trials are written.
        train: the module that trains one run.
    """

    overrides: Sequence[str]
    space: Sequence[Dimension]
    objectives: Sequence[str]
    trials: int
    minutes: float | None
    jobs: int
    folder: Path
    train: str = TRAIN


@dataclass
class Running:
    """A trial whose process is at work."""

    trial: Any
    task: Task
    process: pool.Process
    directory: Path
    reported: int = 0
    next_heartbeat: float = field(default=0.0)


def work(shared: Any, plan: Plan, say: Say) -> None:
    """Run trials of the study `shared` until its budget is spent, or this worker's minutes are.

    Waits for the trials of other workers, and takes over those of dead ones. Whatever ends it early, its
    running trials go back into the queue.
    """
    with warm.starter(plan.trials, share_cores(plan.jobs)) as starting:
        _work(shared, plan, say, starting)


def _work(shared: Any, plan: Plan, say: Say, starting: pool.Start) -> None:
    deadline = study.deadline(plan.minutes)
    running: list[Running] = []
    try:
        while time.monotonic() < deadline and not (not running and study.all_done(shared, plan.trials)):
            while len(running) < plan.jobs and (trial := study.claim(shared, plan.trials)) is not None:
                if (started := _start(shared, trial, plan, starting)) is not None:
                    running.append(started)
                    say(f"trial {trial.number} starts: {_text(trial)}")
            running = [one for one in running if _look_after(shared, plan, one, say)]
            time.sleep(pool.POLL_SECONDS if running else IDLE_SECONDS)
    finally:
        pool.stop([one.process for one in running])
        for one in running:
            study.give_back(shared, one.trial)


def _start(shared: Any, trial: Any, plan: Plan, starting: pool.Start) -> Running | None:
    """The claimed trial at work, or None where another worker took it over meanwhile."""
    from optuna.exceptions import UpdateFinishedTrialError

    try:
        task, directory = _task(trial, plan)
        return Running(trial, task, starting(task), directory)
    except UpdateFinishedTrialError:
        return None
    except BaseException:
        study.give_back(shared, trial)
        raise


def _task(trial: Any, plan: Plan) -> tuple[Task, Path]:
    """What the trial's process is to do, and its run's folder."""
    from kedja.training.config.compose import compose
    from kedja.training.config.run_folder import run_directory

    # A trial that was interrupted comes back under another number; its run continues where it was.
    name = trial.user_attrs.get(FOLDER) or f"trial-{trial.number}"
    trial.set_user_attr(FOLDER, name)
    overrides = [*plan.overrides, *(one.suggest(trial) for one in plan.space), f"runs={plan.folder / name}"]
    directory = run_directory(compose(overrides))
    command = [plan.train, *overrides]
    log = plan.folder / f"{name}.log"
    return Task(name, [directory], command, log, share_cores(plan.jobs), warm=True), directory


def _look_after(shared: Any, plan: Plan, one: Running, say: Say) -> bool:
    """Whether the trial still runs here. One that another worker took over is let go: its run continues there."""
    from optuna.exceptions import UpdateFinishedTrialError

    try:
        return _still_running(shared, plan, one, say)
    except UpdateFinishedTrialError:
        pool.stop([one.process])
        say(f"trial {one.trial.number} was taken over by another worker, which took this one for dead")
        return False


def _still_running(shared: Any, plan: Plan, one: Running, say: Say) -> bool:
    """Sign, report new epochs, prune, and tell the result when the trial has ended.

    Raises:
        optuna.exceptions.UpdateFinishedTrialError: another worker took the trial over.
    """
    if time.monotonic() > one.next_heartbeat:
        study.heartbeat(shared, one.trial)
        one.next_heartbeat = time.monotonic() + study.HEARTBEAT_SECONDS
    status = one.process.poll()
    if status is None:
        # Optuna prunes by one objective only.
        if len(plan.objectives) == 1 and _hopeless(one):
            pool.stop([one.process])
            _tell(shared, one.trial, None, "PRUNED")
            say(f"trial {one.trial.number} pruned after {one.reported} epochs")
            return False
        return True
    pool.stop([one.process])
    if status:
        one.trial.set_user_attr(study.TRAINING_FAILED, pool.last_lines(one.task.log))
        _tell(shared, one.trial, None, "FAIL")
        say(f"trial {one.trial.number} failed, log {one.task.log}")
        return False
    values = objective_values(one.directory, plan.objectives)
    one.trial.set_user_attr(LOSS, read_run(one.directory).validation["loss"])
    _tell(shared, one.trial, values, "COMPLETE")
    shown = ", ".join(f"{name} {value:.4g}" for name, value in zip(plan.objectives, values, strict=True))
    say(f"trial {one.trial.number} done: {shown}")
    return False


def _hopeless(one: Running) -> bool:
    """Report the epochs that are new; whether successive halving would stop here."""
    epochs = read_metrics(one.directory)
    for line in epochs[one.reported :]:
        one.trial.report(line["val_accuracy"], step=line["epoch"])
        one.reported = line["epoch"]
        if one.trial.should_prune():
            return True
    return False


def objective_values(directory: Path, objectives: Sequence[str]) -> list[float]:
    """The finished run's value for each objective; latency in milliseconds for one image."""
    values = {ACCURACY: lambda: read_run(directory).validation["accuracy"], LATENCY: lambda: latency(directory)}
    return [values[name]() for name in objectives]


def latency(directory: Path) -> float:
    """Median milliseconds of one image through the run's network, measured in a process of its own."""
    command = [sys.executable, "-m", "kedja.experiments.analysis.latency", str(directory)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(answer.stdout)["milliseconds"])


def _tell(shared: Any, trial: Any, values: list[float] | None, state: str) -> None:
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    # Another worker may have taken this one for dead (a suspended machine): then its verdict stands.
    with contextlib.suppress(UpdateFinishedTrialError, ValueError):
        shared.tell(trial, values, state=TrialState[state])


def _text(trial: Any) -> str:
    shown = {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in trial.params.items()}
    return " ".join(f"{key}={value}" for key, value in shown.items())
