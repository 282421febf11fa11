"""The prepared digits, and an empty DVC repository."""

import pytest

from kedja.data.ensure import ensure
from kedja.data.prepared import load


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    return load(ensure("digits", tmp_path_factory.mktemp("digits")))


@pytest.fixture
def repository(tmp_path):
    """An empty DVC repository without git."""
    root = tmp_path / "repository"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc" / "config").write_text(
        "[core]\n    analytics = false\n    check_update = false\n    no_scm = true\n"
    )
    return root
