"""Processes that tests start find tests/support, as tests themselves do."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def support_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started find tests/support, as tests themselves do."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=os.pathsep)
