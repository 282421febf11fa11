"""A tracker of the tests' own, which keeps what it gets."""

import importlib.machinery
import sys
import types
from collections.abc import Sequence
from typing import Any

import pytest

from kedja.experiments.trackers import tracker as trackers
from kedja.experiments.trackers.tracker import Settings, title
from kedja.runs.read import Begun, Run

NAME = "some_tracker"


class Recorder:
    """`down` names the experiments at which it cannot be reached, `refused` counts how often that was tried; `got` is
    what arrived, in order."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.down: list[str] = []
        self.refused = 0

    def start(self, run: Begun, settings: Settings, identity: str | None) -> "Recorded":
        self.reach(run.experiment)
        known = identity or f"id{len(self.got)}"
        self.got.append(f"{'continue' if identity else 'create'} {settings.project_of(run)}/{title(run)}")
        return Recorded(self, run.experiment, known)

    def reach(self, experiment: str) -> None:
        if experiment in self.down:
            self.refused += 1
            raise ConnectionError("no route\nto host")


class Recorded:
    def __init__(self, recorder: Recorder, experiment: str, identity: str) -> None:
        self.recorder, self.experiment, self.identity = recorder, experiment, identity

    def epochs(self, lines: Sequence[dict[str, Any]]) -> None:
        self.recorder.reach(self.experiment)
        self.recorder.got.append(f"epochs {' '.join(str(line['epoch']) for line in lines)}")

    def finish(self, run: Run) -> None:
        self.recorder.got.append(f"finish {run.validation['accuracy']:.2f}")

    def interrupt(self) -> None:
        self.recorder.got.append("interrupt")


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """The tracker `some_tracker`."""
    recorder = Recorder()
    module = types.ModuleType(NAME)
    module.__spec__ = importlib.machinery.ModuleSpec(NAME, None)
    module.start = recorder.start  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, NAME, module)
    monkeypatch.setitem(trackers.TRACKERS, NAME, trackers.Entry(NAME, NAME))
    return recorder
