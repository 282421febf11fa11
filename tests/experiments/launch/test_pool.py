"""Real processes: side by side, failing, killed, orphaned."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from kedja.experiments.launch.pool import Task, last_lines, run_all
from support.processes import SLEEPER, Recorder, gone, make_task, process_ids


def test_one_that_fails_stops_no_other(tmp_path: Path) -> None:
    tasks = [
        make_task(tmp_path, "good", "import os; print(os.environ['KEDJA_TEST'])"),
        make_task(tmp_path, "bad", "raise SystemExit(3)"),
        make_task(tmp_path, "crash", "raise RuntimeError('the reason')"),
        make_task(tmp_path, "late", "import time; time.sleep(0.3)"),
    ]
    recorder = Recorder()
    outcomes = run_all(tasks, 2, recorder)
    assert {outcome.task.name: outcome.status for outcome in outcomes} == {"good": 0, "bad": 3, "crash": 1, "late": 0}
    assert recorder.most == 2
    assert len(recorder.events) == 8
    assert last_lines(tasks[0].log) == "good"
    assert "RuntimeError: the reason" in last_lines(tasks[2].log)


def test_arguments_arrive_unharmed(tmp_path: Path) -> None:
    code = "import sys; print(sys.argv[1:])"
    one = make_task(tmp_path, "arguments", code, "a b", "key='x y'", "")
    run_all([one], 1, Recorder())
    assert last_lines(one.log) == """['a b', "key='x y'", '']"""


def test_a_killed_one_is_reported_by_its_signal(tmp_path: Path) -> None:
    one = make_task(tmp_path, "killed", "import os; os.kill(os.getpid(), 9)")
    (outcome,) = run_all([one], 1, Recorder())
    assert outcome.status == -signal.SIGKILL


def test_an_interrupt_stops_children_and_their_children(tmp_path: Path) -> None:
    class Interrupting(Recorder):
        def tick(self, running: Sequence[Task]) -> None:
            if (tmp_path / "pids").is_file():
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all([make_task(tmp_path, "sleeper", SLEEPER, str(tmp_path / "pids"))], 1, Interrupting())
    assert all(gone(pid) for pid in process_ids(tmp_path / "pids"))


def test_no_orphans_when_the_runner_is_killed(tmp_path: Path) -> None:
    """Even kill -9 of the process that started them ends the children: their pipe closes."""
    sleeper = make_task(tmp_path, "sleeper", SLEEPER, str(tmp_path / "pids"))
    code = (
        "from pathlib import Path; from kedja.experiments.launch.pool import Task, start; import time; "
        f"start(Task('s', [], {sleeper.command!r}, Path({str(sleeper.log)!r}))); time.sleep(600)"
    )
    runner = subprocess.Popen([sys.executable, "-c", code])
    pids = process_ids(tmp_path / "pids")
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait(60)
    assert all(gone(pid) for pid in pids)
