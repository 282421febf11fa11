"""A run is followed while it goes on: into a tracker of the tests' own, without processes."""

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from kedja.experiments.trackers import follow as following
from kedja.experiments.trackers.feed import Feed
from kedja.experiments.trackers.follow import follow
from kedja.experiments.trackers.tracker import Settings, artifacts, read_begun, settings_of, title
from kedja.runs.read import read_run
from kedja.runs.write import write_config, write_provenance
from kedja.training.config.run_folder import run_directory
from support.processes import wait_for


@pytest.fixture
def going_on(workplace: Path, debug) -> Path:
    """The folder of a run that has just begun."""
    config = debug()
    directory = run_directory(config)
    write_config(directory, asdict(config))
    write_provenance(directory, {"framework": "torch", "data": {"name": "digits", "hash": "d0"}})
    (directory / "metrics.jsonl").write_text("")
    return directory


def add_epochs(directory: Path, *epochs: int) -> None:
    with (directory / "metrics.jsonl").open("a") as file:
        file.writelines(json.dumps({"epoch": epoch, "val_accuracy": 0.5}) + "\n" for epoch in epochs)


def feed_of(directory: Path) -> Feed:
    return Feed(directory, "some_tracker", Settings(Path("runs")))


def test_what_is_known_at_the_start(going_on: Path) -> None:
    begun = read_begun(going_on)
    assert title(begun) == "debug seed 0"
    assert begun.data["name"] == "digits"
    settings = settings_of(begun)
    assert settings["model.width"] == 0.25
    assert f"debug-{settings['config_hash']}" == going_on.parent.name


def test_a_run_that_is_continued_stays_one_and_repeats_no_epoch(recorder, going_on: Path) -> None:
    first = feed_of(going_on)
    add_epochs(going_on, 1, 2)
    first.send()
    add_epochs(going_on, 3)
    first.interrupt()
    (going_on / "metrics.jsonl").write_text("")  # training goes back to its last checkpoint
    add_epochs(going_on, 1, 2)
    again = feed_of(going_on)
    again.send()
    add_epochs(going_on, 3, 4)
    again.send()
    sent = ["create digits/debug seed 0", "epochs 1 2", "epochs 3", "interrupt", "continue digits/debug seed 0"]
    assert recorder.got == [*sent, "epochs 4"]


def test_a_tracker_that_comes_back_gets_what_it_missed(recorder, going_on: Path, monkeypatch) -> None:
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(following, "RETRY_SECONDS", 0.01)
    recorder.down = ["debug"]
    ended = threading.Event()
    thread = threading.Thread(target=follow, args=(feed_of(going_on), ended))
    thread.start()
    add_epochs(going_on, 1, 2)
    assert wait_for(lambda: recorder.refused > 1)
    assert recorder.got == []
    recorder.down = []
    assert wait_for(lambda: len(recorder.got) >= 2)
    ended.set()
    thread.join(30)
    assert recorder.got == ["create digits/debug seed 0", "epochs 1 2", "interrupt"]


def test_a_run_that_never_began_is_not_announced(recorder, workplace: Path) -> None:
    ended = threading.Event()
    ended.set()
    follow(feed_of(workplace / "runs" / "x-00000000" / "seed0"), ended)
    assert recorder.got == []


def test_files_of_a_finished_run(make_run: Callable[..., Path]) -> None:
    run = read_run(make_run("a"))
    assert [path.name for path in artifacts(run)] == ["config.json", "summary.json", "metrics.jsonl"]
