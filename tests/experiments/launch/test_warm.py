"""Runs forked from a warm process behave as processes started anew do."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kedja.experiments.launch import warm
from kedja.experiments.launch.pool import Start, last_lines, run_all, start, stop
from support.processes import SLEEPER, Recorder, gone, make_task, process_ids

pytestmark = pytest.mark.skipif(not warm.possible(), reason="runs are forked on Linux without an NVIDIA driver only")


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(warm, "LOADED", ("fractions",))
    with warm.starter(10, {"KEDJA_WARM": "yes"}) as starting:
        yield starting


def test_statuses_logs_arguments_and_environment(forked: Start, tmp_path: Path) -> None:
    shown = "import sys, os; print(sys.argv[1:], os.environ['KEDJA_TEST'], os.environ['KEDJA_WARM'], __name__); "
    tasks = [
        make_task(tmp_path, "good", shown + "print('fractions' in sys.modules)", "a b", "", warm=True),
        make_task(tmp_path, "bad", "raise SystemExit(3)", warm=True),
        make_task(tmp_path, "message", "import sys; sys.exit('a reason')", warm=True),
        make_task(tmp_path, "crash", "raise RuntimeError('the reason')", warm=True),
        make_task(tmp_path, "killed", "import os; os.kill(os.getpid(), 9)", warm=True),
        make_task(tmp_path, "anew", "import sys; print('fractions' in sys.modules)"),
    ]
    outcomes = {outcome.task.name: outcome.status for outcome in run_all(tasks, 2, Recorder(), forked)}
    assert outcomes == {"good": 0, "bad": 3, "message": 1, "crash": 1, "killed": -signal.SIGKILL, "anew": 0}
    assert last_lines(tasks[0].log) == "['a b', ''] good yes __main__\nTrue"
    assert last_lines(tasks[5].log) == "False"
    assert "RuntimeError: the reason" in last_lines(tasks[3].log)


def test_one_can_be_stopped_alone(forked: Start, tmp_path: Path) -> None:
    first, second = (
        forked(make_task(tmp_path, name, SLEEPER, str(tmp_path / f"{name}-pids"), warm=True)) for name in "ab"
    )
    ids = process_ids(tmp_path / "a-pids")
    process_ids(tmp_path / "b-pids")
    stop([first])
    assert all(gone(pid) for pid in ids)
    assert first.poll() == -signal.SIGTERM
    assert second.poll() is None
    stop([second])


def test_no_orphans_when_the_runner_is_killed(tmp_path: Path) -> None:
    task = make_task(tmp_path, "sleeper", SLEEPER, str(tmp_path / "pids"), warm=True)
    code = (
        "import time; from pathlib import Path; from kedja.experiments.launch import warm; "
        "from kedja.experiments.launch.pool import Task; "
        f"warm.LOADED = (); context = warm.starter(10, {{}}); starting = context.__enter__(); "
        f"starting(Task('s', [], {task.command!r}, Path({str(task.log)!r}), warm=True)); time.sleep(600)"
    )
    runner = subprocess.Popen([sys.executable, "-c", code])
    pids = process_ids(tmp_path / "pids")
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait(60)
    assert all(gone(pid) for pid in pids)


def test_without_the_warm_process_runs_are_started_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(warm, "LOADED", ("no_such_module",))
    with warm.starter(10, {}) as starting:
        tasks = [make_task(tmp_path, name, "print('done')", warm=True) for name in "ab"]
        outcomes = run_all(tasks, 1, Recorder(), starting)
    assert [outcome.status for outcome in outcomes] == [0, 0]


def test_a_few_runs_are_not_worth_it() -> None:
    with warm.starter(2, {}) as starting:
        assert starting is start
