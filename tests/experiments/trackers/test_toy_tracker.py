"""A tracker that is registered at run time gets runs while they train and finished ones, each once."""

import json
from pathlib import Path
from typing import Any

import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.launch import train
from kedja.experiments.trackers import tracker as trackers
from kedja.experiments.trackers.publish import Outcome, publish
from kedja.experiments.trackers.tracker import Settings
from kedja.runs.read import find_runs
from support import toy_tracker

SETTINGS = Settings(Path("runs"))


@pytest.fixture
def toy(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(trackers, "TRACKERS", dict(trackers.TRACKERS))
    toy_tracker.register()
    monkeypatch.setenv("PYTHONPATH", toy_tracker.let_every_process_register(workplace))
    return toy_tracker.NAME


def got() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("runs", toy_tracker.LINES).read_text().splitlines()]


def test_it_follows_a_run_and_takes_those_that_it_missed(toy: str) -> None:
    train.main(["experiment=debug", "epochs=3", f"tracker={toy}"])
    first, *epochs, last = got()
    (run,) = find_runs(Path("runs"))
    assert (first["what"], first["project"], first["title"], first["width"]) == (
        "create",
        "digits",
        "debug seed 0",
        0.25,
    )
    assert [epoch for line in epochs for epoch in line["epochs"]] == [1, 2, 3]
    assert (last["what"], last["validation_accuracy"]) == ("finish", run.validation["accuracy"])
    assert {"summary.json", "best.safetensors"} < set(last["files"])
    train.main(["experiment=debug", "epochs=1", "seed=1", "tracker=none"])
    assert publish(toy, find_runs(Path("runs")), SETTINGS) == Outcome(sent=1, present=1, problems=[])
    assert [line["what"] for line in got()[-3:]] == ["create", "epochs", "finish"]


def test_a_name_beside_it_is_refused(toy: str) -> None:
    with pytest.raises(KedjaError, match="did you mean 'toy'"):
        trackers.check_names(["tooy"])
