"""Two processes and one run's folder."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kedja.training.config.run_folder import run_directory
from kedja.training.loop.lock import only_process

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no such lock")

TRAIN = Path(__file__).parents[3] / "scripts" / "train.py"
HOLD = """
import sys, time
from pathlib import Path
from kedja.training.loop.lock import only_process
with only_process(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@contextlib.contextmanager
def holding(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the folder for itself; it does not outlive the block."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(directory)], stdout=subprocess.PIPE, text=True) as first:
        try:
            assert first.stdout.readline() == "held\n"
            yield first
        finally:
            first.kill()


def just_train(*overrides: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TRAIN), "experiment=debug", "epochs=1", *overrides]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_second_process_is_told_of_the_first_and_goes_on_when_that_was_killed(workplace, debug):
    directory = run_directory(debug("epochs=1"))
    with holding(directory) as first:
        second = just_train("tracker=mlflow")
        first.kill()
    assert second.returncode == 1
    assert f"is being trained already, by process {first.pid} on {socket.gethostname()}" in second.stderr
    assert [path.name for path in directory.iterdir()] == ["training.lock"]
    third = just_train()
    assert third.returncode == 0, third.stderr
    assert (directory / "summary.json").exists()


def test_the_other_processes_of_a_distributed_run_are_not_kept_out(tmp_path, monkeypatch):
    with holding(tmp_path) as first:
        monkeypatch.setenv("RANK", "1")
        with only_process(tmp_path):
            assert first.poll() is None, "the first process holds the folder all the while"
            first.kill()
