"""What holds for every tracker, shown with one of the tests' own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.trackers import tracker as trackers
from kedja.experiments.trackers.publish import publish
from kedja.experiments.trackers.tracker import Settings
from kedja.runs.read import find_runs

MakeRun = Callable[..., Path]


def test_each_run_is_sent_once(recorder, make_run: MakeRun, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "runs")
    make_run("a", epochs=2)
    assert publish("some_tracker", find_runs(settings.runs), settings).sent == 1
    make_run("b", epochs=1)
    outcome = publish("some_tracker", find_runs(settings.runs), settings)
    assert (outcome.sent, outcome.present, outcome.problems) == (1, 1, [])
    first = ["create shapes/a seed 0", "epochs 1 2", "finish 1.00"]
    assert recorder.got == [*first, "create shapes/b seed 0", "epochs 1", "finish 1.00"]
    elsewhere = Settings(settings.runs, address="http://there", project="mine")
    assert publish("some_tracker", find_runs(settings.runs), elsewhere).sent == 2
    assert recorder.got[6] == "create mine/a seed 0"


def test_one_that_cannot_be_sent_stops_no_other_and_is_sent_later(recorder, make_run: MakeRun, tmp_path: Path) -> None:
    for name in "abc":
        make_run(name, epochs=1)
    settings, recorder.down = Settings(tmp_path / "runs"), ["b"]
    outcome = publish("some_tracker", find_runs(settings.runs), settings)
    assert outcome.sent == 2
    assert [problem.split(": ", 1)[1] for problem in outcome.problems] == ["ConnectionError: no route"]
    recorder.down = []
    assert publish("some_tracker", find_runs(settings.runs), settings).sent == 1
    assert [got for got in recorder.got if "/" in got] == [f"create shapes/{name} seed 0" for name in "acb"]


def test_a_tracker_that_is_down_is_not_asked_for_every_run(recorder, make_run: MakeRun, tmp_path: Path) -> None:
    recorder.down = list("abcdef")
    for name in recorder.down:
        make_run(name)
    outcome = publish("some_tracker", find_runs(tmp_path / "runs"), Settings(tmp_path / "runs"))
    assert len(outcome.problems) == 4
    assert outcome.problems[-1] == "3 more were not tried"


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(KedjaError, match="did you mean 'mlflow'"):
        publish("mlflo", [], Settings(Path("runs")))


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trackers.TRACKERS, "no_such_package", trackers.Entry("nowhere", "no_such_package"))
    with pytest.raises(KedjaError, match="just env groups=dev,track"):
        publish("no_such_package", [], Settings(Path("runs")))


def test_a_tracker_that_is_not_there_is_named() -> None:
    with pytest.raises(KedjaError, match="tracker=mlflo: there is no such tracker") as error:
        trackers.check_names(["tensorboard", "mlflo"])
    assert "mlflow" in error.value.remedy
