"""Watching real processes from tests."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from kedja.experiments.launch.pool import Outcome, Task

SLEEPER = """
import os, subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path(sys.argv[1] + ".part").write_text(f"{os.getpid()} {child.pid}")
Path(sys.argv[1] + ".part").rename(sys.argv[1])
time.sleep(600)
"""


class Recorder:
    """A display that keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.most = 0

    def started(self, task: Task) -> None:
        self.events.append(f"start {task.name}")

    def ended(self, outcome: Outcome) -> None:
        self.events.append(f"end {outcome.task.name} {outcome.status}")

    def tick(self, running: Sequence[Task]) -> None:
        self.most = max(self.most, len(running))


def make_task(folder: Path, name: str, code: str, *arguments: str, warm: bool = False) -> Task:
    """A task that runs `code`; whoever starts it has tests/ on its path."""
    command = ["support.code", code, *arguments]
    return Task(name, [folder / name], command, folder / f"{name}.log", {"KEDJA_TEST": name}, warm)


def process_ids(path: Path) -> list[int]:
    """What SLEEPER wrote: its own id and its child's."""
    assert wait_for(path.is_file), f"{path} never came"
    return [int(part) for part in path.read_text().split()]


def gone(pid: int) -> bool:
    """Whether the process ends within half a minute."""
    return wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False
