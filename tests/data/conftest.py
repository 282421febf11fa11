"""The prepared digits, and an empty DVC repository."""

import shutil

import pytest

from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.versions.ensure import ensure
from kedja.data.versions.obtain import obtain
from support.pictures import write_pictures

CONFIGURATION = "[core]\n    analytics = false\n    check_update = false\n    no_scm = true\n"


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


@pytest.fixture(scope="session")
def pets_once(tmp_path_factory):
    root = tmp_path_factory.mktemp("pets") / "repository"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc" / "config").write_text(CONFIGURATION)
    write_pictures(root / "photos", {"cat": 20, "dog": 20})
    obtain("pets", root, Settings(source=str(root / "photos")))
    return root


@pytest.fixture
def pets(pets_once, tmp_path):
    """A repository that pins a data set `pets`, made from the folder `photos` in it."""
    root = tmp_path / "repository"
    # With times, so that the stamps hold.
    shutil.copytree(pets_once, root)
    pins = root / "data.dvc"
    pins.write_text(pins.read_text().replace(str(pets_once), str(root)))
    return root
