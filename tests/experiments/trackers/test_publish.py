"""What holds for every tracker, shown with one of the tests' own."""

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kedja.bundle.errors import KedjaError
from kedja.experiments.runs import Run, find_runs
from kedja.experiments.trackers import publish as publishing
from kedja.experiments.trackers.publish import Settings, artifacts, parameters, publish

MakeRun = Callable[..., Path]


class Tracker:
    def __init__(self) -> None:
        self.got: list[str] = []
        self.down: list[str] = []

    def publish(self, run: Run, settings: Settings) -> str:
        if run.experiment in self.down:
            raise ConnectionError("no route\nto host")
        self.got.append(f"{settings.project_of(run)}/{run.experiment}")
        return "id"


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    tracker = Tracker()
    module = types.SimpleNamespace(publish=tracker.publish)
    monkeypatch.setitem(sys.modules, "some_tracker", module)
    monkeypatch.setitem(publishing.TRACKERS, "some_tracker", "some_tracker")
    return tracker


def test_each_run_is_sent_once(tracker: Tracker, make_run: MakeRun, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "runs")
    make_run("a")
    assert publish("some_tracker", find_runs(settings.runs), settings).sent == 1
    make_run("b")
    outcome = publish("some_tracker", find_runs(settings.runs), settings)
    assert (outcome.sent, outcome.present, outcome.problems) == (1, 1, [])
    assert tracker.got == ["shapes/a", "shapes/b"]
    elsewhere = Settings(settings.runs, address="http://there", project="mine")
    assert publish("some_tracker", find_runs(settings.runs), elsewhere).sent == 2
    assert tracker.got[2:] == ["mine/a", "mine/b"]


def test_one_that_cannot_be_sent_stops_no_other_and_is_sent_later(
    tracker: Tracker, make_run: MakeRun, tmp_path: Path
) -> None:
    for name in "abc":
        make_run(name)
    settings, tracker.down = Settings(tmp_path / "runs"), ["b"]
    outcome = publish("some_tracker", find_runs(settings.runs), settings)
    assert outcome.sent == 2
    assert [problem.split(": ", 1)[1] for problem in outcome.problems] == ["ConnectionError: no route"]
    tracker.down = []
    assert publish("some_tracker", find_runs(settings.runs), settings).sent == 1
    assert tracker.got == ["shapes/a", "shapes/c", "shapes/b"]


def test_a_tracker_that_is_down_is_not_asked_for_every_run(tracker: Tracker, make_run: MakeRun, tmp_path: Path) -> None:
    tracker.down = list("abcdef")
    for name in tracker.down:
        make_run(name)
    outcome = publish("some_tracker", find_runs(tmp_path / "runs"), Settings(tmp_path / "runs"))
    assert len(outcome.problems) == 4
    assert outcome.problems[-1] == "3 more were not tried"


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(KedjaError, match="did you mean 'mlflow'"):
        publish("mlflo", [], Settings(Path("runs")))


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(publishing.TRACKERS, "no_such_package", "nowhere")
    with pytest.raises(KedjaError, match="just env groups=dev,track"):
        publish("no_such_package", [], Settings(Path("runs")))


def test_parameters_and_files(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", hyperparameters={"optim.lr": 0.5})
    (run,) = find_runs(tmp_path / "runs")
    assert parameters(run) == {"optim.lr": 0.5, "model": "a", "parameters": 1000, "config_hash": "00000000"}
    assert [path.name for path in artifacts(run)] == ["config.json", "summary.json", "metrics.jsonl"]
