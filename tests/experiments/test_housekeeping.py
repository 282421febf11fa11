import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kedja.experiments.housekeeping import listing, removal, remove

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
MakeRun = Callable[..., Path]


@pytest.fixture
def runs(make_run: MakeRun, tmp_path: Path) -> Path:
    for seed in range(3):
        make_run("large", seed=seed, wrong=list(range(seed)), wall_seconds=30.0)
        make_run("small", seed=seed, wrong=list(range(5)), wall_seconds=3.0)
    (make_run("broken", epochs=2) / "summary.json").unlink()
    (tmp_path / "runs/large-00000000/seed2.log").write_text("log")
    return tmp_path / "runs"


def test_listing_sorts_filters_and_shows_the_unfinished(runs: Path) -> None:
    names = [row[0] for row in listing(runs)]
    assert names[0] == "large-00000000/seed0"
    assert names[-1] == "broken-00000000/seed0"
    assert listing(runs)[-1][2:5] == ["unfinished", "", "2"]
    assert [row[0] for row in listing(runs, "small", sort="time")] == [f"small-00000000/seed{s}" for s in range(3)]
    assert listing(runs, data="other") == listing(runs, "broken")


def test_the_best_seed_of_each_experiment_stays(runs: Path, tmp_path: Path) -> None:
    one = removal(runs, "best", tmp_path / "bundle", tmp_path / "reports")
    assert set(one.kept) == {runs / "large-00000000/seed0", runs / "small-00000000/seed0"}
    assert one.size > 0
    remove(one)
    assert {path.parent for path in runs.glob("*/seed*/*")} == set(one.kept)
    assert not (runs / "broken-00000000").exists()
    assert not (runs / "large-00000000/seed2.log").exists()


def test_a_referenced_run_stays_even_unfinished(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/metadata.json").write_text(json.dumps({"run": "broken-00000000/seed0"}))
    (tmp_path / "reports").mkdir()
    selected = (runs / "large-00000000/seed2").as_posix()
    (tmp_path / "reports/selection.json").write_text(json.dumps({"run": selected}))
    one = removal(runs, "best", tmp_path / "bundle", tmp_path / "reports")
    assert {path.parent.name.split("-")[0]: why for path, why in one.kept.items() if "best" not in why} == {
        "broken": "exported to the bundle",
        "large": "selected by the report",
    }
    assert runs / "broken-00000000/seed0" not in one.folders


def test_only_the_unfinished_go(runs: Path, tmp_path: Path) -> None:
    one = removal(runs, "finished", tmp_path / "bundle", tmp_path / "reports")
    assert one.folders == [runs / "broken-00000000/seed0"]


def test_without_a_terminal_nothing_is_removed_unasked(runs: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "clean_runs.py"), "keep=finished"]
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
    asked = subprocess.run(command, **options)
    assert asked.returncode == 1
    assert "yes=true" in asked.stderr
    assert (runs / "broken-00000000/seed0").is_dir()
    assert subprocess.run([*command, "yes=true"], **options).returncode == 0
    assert not (runs / "broken-00000000").exists()
    assert "nothing to remove" in subprocess.run(command, **options).stdout
