"""How the runs go: live bars on a terminal, one plain line an event elsewhere."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kedja.experiments.launch.pool import Display, Outcome, Task, last_lines
from kedja.runs.read import read_metrics, read_run

REFRESH_SECONDS = 0.5


@contextmanager
def display(total: int) -> Iterator[Display]:
    """The display that fits standard output."""
    if sys.stdout.isatty():
        with _bars() as progress:
            yield Bars(progress, total)
    else:
        yield Lines(total)


class Lines:
    """One line for each start and end."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._ended = 0

    def started(self, task: Task) -> None:
        self._print(f"start  {task.name}")

    def ended(self, outcome: Outcome) -> None:
        self._ended += 1
        self._print(f"[{self._ended}/{self._total}] {result_line(outcome)}")

    def tick(self, running: Sequence[Task]) -> None:
        """Nothing between events."""

    def _print(self, line: str) -> None:
        print(line, flush=True)


class Bars:
    """One bar for all, one line for each running task with its latest epoch."""

    def __init__(self, progress: Any, total: int) -> None:
        self._progress = progress
        self._all = progress.add_task("all runs", total=total, state="")
        self._bars: dict[Task, Any] = {}
        self._next = 0.0

    def started(self, task: Task) -> None:
        self._bars[task] = self._progress.add_task(task.name, total=None, state="starting")

    def ended(self, outcome: Outcome) -> None:
        self._progress.remove_task(self._bars.pop(outcome.task))
        self._progress.advance(self._all)
        self._progress.console.print(result_line(outcome), markup=False, highlight=False)

    def tick(self, running: Sequence[Task]) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + REFRESH_SECONDS
        for task in running:
            epochs = read_metrics(task.directories[0])
            if epochs:
                last = epochs[-1]
                state = f"epoch {last['epoch']}, validation {last['val_accuracy']:.1%}"
                self._progress.update(self._bars[task], state=state)


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


def _bars() -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn()]
    return Progress(*columns, TimeElapsedColumn(), TextColumn("{task.fields[state]}"), transient=True)
