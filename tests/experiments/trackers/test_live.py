"""Training with trackers that misbehave: real processes, and in the place of MLflow packages that do as little."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from kedja.experiments.trackers import live as living
from kedja.experiments.trackers.live import live
from kedja.experiments.trackers.tracker import Settings
from kedja.runs.write import write_config, write_provenance
from kedja.training.config.schema import TrainConfig

TRAIN = Path(__file__).parents[3] / "scripts" / "train.py"


def instead_of_mlflow(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    package = folder / "instead" / "mlflow"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))


def begun(folder: Path) -> Path:
    """The folder of a run that has just begun."""
    write_config(folder, asdict(TrainConfig()))
    write_provenance(folder, {"framework": "torch", "data": {"name": "digits", "hash": "d0"}})
    (folder / "metrics.jsonl").write_text("")
    return folder


def test_one_that_hangs_is_stopped_and_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(living, "LAST_SECONDS", 2.0)
    said: list[str] = []
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    instead_of_mlflow(tmp_path, monkeypatch, code)
    with live(["mlflow"], begun(tmp_path / "seed0"), Settings(tmp_path), said.append):
        pass
    assert said == [
        "mlflow: did not take the rest within 2 s\n"
        "  → the run is complete without it; `just track tracker=mlflow` sends what is missing"
    ]


def test_one_that_dies_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    instead_of_mlflow(tmp_path, monkeypatch, "import os; os._exit(7)")
    with live(["mlflow"], begun(tmp_path / "seed0"), Settings(tmp_path), said.append):
        pass
    assert "its process ended with status 7" in said[0]


def test_one_that_is_not_installed_stops_nothing(workplace: Path) -> None:
    """Training through the script, with MLflow hidden: `find_spec` of None in `sys.modules` finds nothing."""
    hidden = (
        "import runpy, sys; sys.modules['mlflow'] = None; sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", hidden, str(TRAIN), "experiment=debug", "tracker=mlflow", "epochs=1"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert "mlflow is not installed" in done.stdout
    assert "validation accuracy" in done.stdout
    (directory,) = Path("runs").glob("*/seed0")
    assert json.loads((directory / "summary.json").read_text())["epochs"] == 1
    assert not (directory / "tensorboard").exists()
