"""What people see of runs that go on side by side, off a terminal."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from kedja.common import progress as common
from kedja.common.progress import Progress
from kedja.experiments.launch.pool import Outcome, Task
from kedja.experiments.launch.progress import Runs, how_far


def test_how_far_a_run_is_stands_in_its_log(tmp_path: Path) -> None:
    task = Task("resnet9 seed=1", [tmp_path], [], tmp_path / "seed1.log")
    assert how_far(task) == (0.0, "starting")
    task.log.write_text("runs/a/seed1: cnn, 65,834 parameters\nepoch   3/15  loss 1.2500, 50.00%\na warning\n")
    assert how_far(task) == (0.2, "epoch   3/15")
    task.log.write_text("epoch   3/15  loss 1.2500, 50.00%\n1,250 of 5,000, loss 1.2, 3:20 left\n")
    assert how_far(task) == (0.25, "1,250 of 5,000")


def test_a_line_every_half_minute_says_what_runs_and_how_long_it_takes(
    tmp_path: Path, make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 100_000, 31))
    monkeypatch.setattr(common.time, "monotonic", lambda: float(next(clock)))
    first, second = (Task(name, [make_run(name)], [], tmp_path / f"{name}.log") for name in ("one", "two"))
    second.log.write_text("epoch   3/12  loss 1.2500\n")
    said = io.StringIO()
    with Progress("", 2, "runs", file=said, keep=False) as shown:
        runs = Runs(shown, 2)
        runs.started(first)
        runs.started(second)
        runs.ended(Outcome(first, 0, 10.0))
        runs.tick([second])
        runs.ended(Outcome(second, 0, 10.0))
    lines = said.getvalue().splitlines()
    assert any(line.startswith("1 of 2 runs, two: epoch   3/12, ") and line.endswith(" left") for line in lines)
    assert not any("-" in line.rpartition(", ")[2] for line in lines if line.endswith("left"))
    assert lines[-1].startswith("2 of 2 runs")
