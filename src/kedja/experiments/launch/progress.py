"""Progress of the runs: live bars on a terminal, one plain line an event elsewhere."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kedja.common.progress import Part, Progress, share_done
from kedja.experiments.launch.pool import Outcome, Task, last_lines
from kedja.runs.read import read_run

REFRESH_SECONDS = 0.5


@contextmanager
def display(total: int) -> Iterator["Runs"]:
    """The display that fits standard output."""
    with Progress("", total, "runs", file=sys.stdout, keep=False) as progress:
        yield Runs(progress, total)


class Runs:
    """One bar for all and one for each running task with its latest epoch; a line for each end, and off a terminal
    for each start and every half minute.
    """

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._ended = progress, total, 0
        self._parts: dict[Task, Part] = {}
        self._next = 0.0

    def started(self, task: Task) -> None:
        self._parts[task] = self._progress.part(task.name)
        if not self._parts[task].shown:
            self._progress.line(f"start  {task.name}")

    def ended(self, outcome: Outcome) -> None:
        self._parts.pop(outcome.task).end()
        self._ended += 1
        self._progress.line(f"[{self._ended}/{self._total}] {result_line(outcome)}")
        self._progress.at(self._ended)

    def tick(self, running: Sequence[Task]) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + REFRESH_SECONDS
        reached = {task: how_far(task) for task in running}
        for task, (share, state) in reached.items():
            self._parts[task].update(state, share)
        shown = next(iter(self._parts.values())).shown if running else True
        note = "" if shown else "; ".join(f"{task.name}: {state}" for task, (_, state) in reached.items())
        self._progress.at(self._ended + sum(share for share, _ in reached.values()), note)


def how_far(task: Task) -> tuple[float, str]:
    """The share of a running task that is done and its state in words, as the last line of its log has them."""
    for line in reversed(last_lines(task.log).splitlines()):
        if (share := share_done(line)) is not None:
            # What follows from there on are figures for whoever reads the log.
            return share, line.split("  loss")[0].split(", ")[0].strip()
    return 0.0, "starting"


def result_line(outcome: Outcome) -> str:
    """How a task ended, in one line; for a failed one also where its log is."""
    if outcome.failed:
        how = f"killed by signal {-outcome.status}" if outcome.status < 0 else f"status {outcome.status}"
        return f"FAILED {outcome.task.name}: {how} after {outcome.seconds:.1f} s, log {outcome.task.log}"
    accuracies = [read_run(folder).validation["accuracy"] for folder in outcome.task.directories]
    best = ", ".join(f"{accuracy:.2%}" for accuracy in accuracies)
    return f"done   {outcome.task.name}: validation {best} in {outcome.seconds:.1f} s"


def failure_text(outcome: Outcome) -> str:
    """A failed task with the end of its log."""
    lines = last_lines(outcome.task.log).replace("\n", "\n    ")
    return f"{outcome.task.name}: status {outcome.status}, log {outcome.task.log}\n    {lines}"
