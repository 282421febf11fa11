"""What every test gets: one thread, no colours; for those who ask, a working folder with the digits prepared in it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kedja.training.config.schema import TrainConfig

pytest_plugins = ["support.finished_runs"]

# Before numpy, torch and onnxruntime are imported: tests run in parallel processes on shared machines.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("NO_COLOR", "1")
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds `data/digits/`, as `just data` leaves it."""
    from kedja.data.versions.ensure import ensure

    root = tmp_path_factory.mktemp("prepared")
    ensure("digits", root)
    return root


@pytest.fixture
def workplace(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: a fresh one, with the digits linked into it."""
    (tmp_path / "data").symlink_to(prepared / "data", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def debug() -> "Callable[..., TrainConfig]":
    """`debug("seed=1")`: the debug experiment with overrides."""
    from kedja.training.config.compose import compose

    return lambda *overrides: compose(["experiment=debug", *overrides])
