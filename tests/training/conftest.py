"""A working folder with the digits prepared in it, as `just data` leaves them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kedja.data.ensure import ensure
from kedja.training.config import compose
from kedja.training.schema import TrainConfig


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds `data/digits/`."""
    root = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        ensure("digits")
    return root


@pytest.fixture
def workplace(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: a fresh one, with the digits linked into it."""
    (tmp_path / "data").symlink_to(prepared / "data", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def debug() -> Callable[..., TrainConfig]:
    """`debug("seed=1")`: the debug experiment with overrides."""
    return lambda *overrides: compose(["experiment=debug", *overrides])
