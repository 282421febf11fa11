import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("pyproject.toml", "uv.lock", ".python-version", "README.md", "LICENSE", "justfile", "scripts", "src")


@pytest.fixture
def clone(tmp_path):
    """A copy of the repository, with a space in its path and nothing installed."""
    clone = tmp_path / "a clone"
    clone.mkdir()
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, clone / name)
    return clone


@pytest.fixture
def script():
    """Run one of a clone's scripts under the interpreter that the environment was made from, without network."""

    def run(clone, name, *arguments, **variables):
        # Everything that `serve` needs lies in uv's cache: the environment that runs these tests holds it too.
        environment = {**os.environ, "UV_OFFLINE": "1", "UV_LINK_MODE": "copy", **variables}
        environment.pop("VIRTUAL_ENV", None)
        command = [Path(sys.base_prefix) / "bin" / "python3", clone / "scripts" / name, *arguments]
        return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)

    return run
