from collections.abc import Callable
from pathlib import Path

import pytest

from kedja.experiments.trackers.feed import Feed
from kedja.experiments.trackers.publish import publish
from kedja.experiments.trackers.tracker import Settings
from kedja.runs.read import find_runs

pytest.importorskip("wandb", reason="the group `track` is not installed")
pytestmark = pytest.mark.filterwarnings("default")  # W&B and its many dependencies warn of each other

MakeRun = Callable[..., Path]


def test_offline_the_run_is_kept_for_later(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    make_run("large", seed=2, epochs=4)
    runs = tmp_path / "runs"
    outcome = publish("wandb", find_runs(runs), Settings(runs))
    assert outcome.problems == []
    (folder,) = (runs / "wandb").glob("offline-run-*")
    (record,) = folder.glob("run-*.wandb")
    content = record.read_bytes()
    for part in (b"large seed 2", b"optim.lr", b"val_accuracy", b"summary.json"):
        assert part in content


def test_offline_a_run_that_is_continued_keeps_its_identity(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`wandb sync` puts the parts together by it."""
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    run = make_run("large", epochs=4)
    settings = Settings(tmp_path / "runs")
    first = Feed(run, "wandb", settings)
    first.interrupt()
    again = Feed(run, "wandb", settings)
    again.finish()
    assert again.sent
    assert again.sent.finished
    folders = [folder.name for folder in (settings.runs / "wandb").glob("offline-run-*")]
    assert len(folders) == 2
    assert all(again.sent.identity in name for name in folders)
