"""Real processes: side by side, failing, killed, orphaned."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from kedja.experiments.pool import Outcome, Task, last_lines, run_all

MakeTask = Callable[..., Task]
SLEEPER = """
import subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(600)
"""


class Recorder:
    def __init__(self) -> None:
        self.events: list[str] = []
        self.most = 0

    def started(self, task: Task) -> None:
        self.events.append(f"start {task.name}")

    def ended(self, outcome: Outcome) -> None:
        self.events.append(f"end {outcome.task.name} {outcome.status}")

    def tick(self, running: Sequence[Task]) -> None:
        self.most = max(self.most, len(running))


@pytest.fixture
def task(tmp_path: Path) -> MakeTask:
    def make(name: str, code: str, *arguments: str) -> Task:
        script = tmp_path / f"{name}.py"
        script.write_text(code)
        return Task(name, [tmp_path / name], [str(script), *arguments], tmp_path / f"{name}.log", {"KEDJA_TEST": name})

    return make


def test_one_that_fails_stops_no_other(task: MakeTask) -> None:
    tasks = [
        task("good", "import os; print(os.environ['KEDJA_TEST'])"),
        task("bad", "raise SystemExit(3)"),
        task("crash", "raise RuntimeError('the reason')"),
        task("late", "import time; time.sleep(0.3)"),
    ]
    recorder = Recorder()
    outcomes = run_all(tasks, 2, recorder)
    assert {outcome.task.name: outcome.status for outcome in outcomes} == {"good": 0, "bad": 3, "crash": 1, "late": 0}
    assert recorder.most == 2
    assert len(recorder.events) == 8
    assert last_lines(tasks[0].log) == "good"
    assert "RuntimeError: the reason" in last_lines(tasks[2].log)


def test_arguments_arrive_unharmed(task: MakeTask, tmp_path: Path) -> None:
    code = "import sys, pathlib, sibling; print(sys.argv[1:], sibling.NAME, __name__)"
    (tmp_path / "sibling.py").write_text("NAME = 'sibling'")
    one = task("arguments", code, "a b", "key='x y'", "")
    run_all([one], 1, Recorder())
    assert last_lines(one.log) == """['a b', "key='x y'", ''] sibling __main__"""


def test_a_killed_one_is_reported_by_its_signal(task: MakeTask) -> None:
    (outcome,) = run_all([task("killed", "import os; os.kill(os.getpid(), 9)")], 1, Recorder())
    assert outcome.status == -signal.SIGKILL


def test_an_interrupt_stops_children_and_their_children(task: MakeTask, tmp_path: Path) -> None:
    class Interrupting(Recorder):
        def tick(self, running: Sequence[Task]) -> None:
            if (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text():
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all([task("sleeper", SLEEPER, str(tmp_path / "pid"))], 1, Interrupting())
    assert gone(int((tmp_path / "pid").read_text()))


def test_no_orphans_when_the_runner_is_killed(task: MakeTask, tmp_path: Path) -> None:
    """Even kill -9 of the process that started them ends the children: their pipe closes."""
    sleeper = task("sleeper", "import os; print(os.getpid(), flush=True)\n" + SLEEPER, str(tmp_path / "pid"))
    runner = tmp_path / "runner.py"
    runner.write_text(
        "import sys\nfrom pathlib import Path\nfrom kedja.experiments.pool import Task, start\nimport time\n"
        f"start(Task('s', [], {sleeper.command!r}, Path({str(sleeper.log)!r})))\ntime.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, str(runner)])
    wait_for(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text() != "")
    pid = int(sleeper.log.read_text().split()[0])
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert gone(pid)


def gone(pid: int) -> bool:
    return wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False
