"""Several processes side by side: started in order, waited for, stopped together."""

import contextlib
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kedja.common.supervised import GRACE_SECONDS

POLL_SECONDS = 0.1


@dataclass(frozen=True, eq=False)
class Task:
    """One process: a command with its arguments. Compared by identity.

    Attributes:
        name: what people call it, for example ``resnet9 seed=1``.
        directories: where its runs are written.
        command: a module of ours that has a function `run`, then its arguments.
        log: receives its standard output and errors.
        environment: added to this process's environment.
        warm: a training run, which may be forked from a process that has loaded the training code.
    """

    name: str
    directories: list[Path]
    command: list[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    warm: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a task ended: exit status (negative: killed by that signal) and its seconds."""

    task: Task
    status: int
    seconds: float

    @property
    def failed(self) -> bool:
        return self.status != 0


class Process(Protocol):
    """A running task: what is used of `subprocess.Popen`. It leads a process group of its own."""

    pid: int
    returncode: Any
    stdin: Any

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


Start = Callable[[Task], Process]


class Display(Protocol):
    """Who wants to know how it goes."""

    def started(self, task: Task) -> None: ...

    def ended(self, outcome: Outcome) -> None: ...

    def tick(self, running: Sequence[Task]) -> None: ...


def start(task: Task, inherited: Sequence[int] = ()) -> Process:
    """Start the task in a process group of its own, tied to this process's life (`supervised`).

    `inherited` are open files that it holds as long as it lives.
    """
    task.log.parent.mkdir(parents=True, exist_ok=True)
    with task.log.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "kedja.common.supervised", *task.command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **task.environment},
            start_new_session=True,
            pass_fds=inherited,
        )


def run_all(
    tasks: Sequence[Task], jobs: int, display: Display, starting: Start = start, deadline: float = math.inf
) -> list[Outcome]:
    """Run every task, at most `jobs` at a time; one that fails stops no other.

    At `deadline`, as `time.monotonic` has it, what still runs is stopped and has no outcome.

    An exception here (Ctrl-C, SIGTERM as `kedja.cli` turns it into KeyboardInterrupt) stops the running
    processes first: SIGTERM to each process group, SIGKILL to what is left after some seconds.
    """
    waiting = list(reversed(tasks))
    running: dict[Task, tuple[Process, float]] = {}
    outcomes: list[Outcome] = []
    try:
        while (waiting or running) and time.monotonic() < deadline:
            while waiting and len(running) < jobs:
                task = waiting.pop()
                running[task] = (starting(task), time.monotonic())
                display.started(task)
            for task, (process, since) in list(running.items()):
                if process.poll() is not None:
                    del running[task]
                    _stop_group(process)
                    outcomes.append(Outcome(task, process.returncode, time.monotonic() - since))
                    display.ended(outcomes[-1])
            display.tick(list(running))
            if running:
                time.sleep(POLL_SECONDS)
    finally:
        stop([process for process, _ in running.values()])
    return outcomes


def stop(processes: Sequence[Process], grace: float = GRACE_SECONDS) -> None:
    """End the processes and all their descendants."""
    for process in processes:
        _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + grace
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    for process in processes:
        _stop_group(process)


def last_lines(log: Path, count: int = 5) -> str:
    """The end of a log, for the message about a failed task."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return "\n".join([line for line in lines if line.strip()][-count:])


def _stop_group(process: Process) -> None:
    """Whatever the process left behind in its group ends with it."""
    _signal_group(process, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()


def _signal_group(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
