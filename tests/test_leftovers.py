"""A process that outlives the tests fails them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.processes import gone

LEAVING = """
import subprocess, sys
def test_passes():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    {end}
"""


@pytest.mark.parametrize(
    ("end", "status"), [("child.kill(); child.wait(60)", 0), ("child.returncode = 0  # as if it had ended", 1)]
)
def test_the_session_looks_for_processes(tmp_path: Path, end: str, status: int) -> None:
    conftest = Path(__file__).with_name("conftest.py").read_text()
    assert "SECONDS_TO_END = 15.0" in conftest
    (tmp_path / "conftest.py").write_text(conftest.replace("SECONDS_TO_END = 15.0", "SECONDS_TO_END = 0.0"))
    (tmp_path / "test_leaving.py").write_text(LEAVING.replace("{end}", end))
    environment = {key: text for key, text in os.environ.items() if key != "KEDJA_TEST_SESSION"}
    environment["PYTHONPATH"] = str(Path(__file__).parent)  # for tests/support
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert "1 passed" in done.stdout
    assert done.returncode == status, done.stdout
    named = re.findall(r"process (\d+) outlived the tests", done.stdout)
    assert len(named) == status
    assert all(gone(int(pid)) for pid in named)
