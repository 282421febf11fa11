"""What every test gets: one thread, no colours; for those who ask, a working folder with the digits prepared in it."""

import contextlib
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from kedja.training.config.schema import TrainConfig

pytest_plugins = ["support.finished_runs"]

# Before numpy, torch and onnxruntime are imported: tests run in parallel processes on shared machines.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
# What recipes name as the next command is then that of a shell that has just on its PATH, as documents show it.
os.environ.pop("KEDJA_JUST", None)
# Where the person stands who started the tests is no place of theirs.
os.environ.pop("KEDJA_STANDS", None)
os.environ.setdefault("NO_COLOR", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# Every process that the tests start inherits it; pytest-xdist's own do too.
SESSION = "KEDJA_TEST_SESSION"
os.environ.setdefault(SESSION, uuid.uuid4().hex)
SECONDS_TO_END = 15.0
# Python's own, which end with the process that they belong to.
HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a process that the tests started outlives them, and end it."""
    if hasattr(session.config, "workerinput"):
        return  # one of several: the first process looks for all
    left = outliving()
    deadline = time.monotonic() + SECONDS_TO_END
    while left and time.monotonic() < deadline:
        time.sleep(0.2)
        left = outliving()
    for process, command in left.items():
        print(f"\nERROR: process {process.pid} outlived the tests: {command}")
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def outliving() -> dict[psutil.Process, str]:
    """Processes with this session's mark, besides this one and those above it, with their commands."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            command = " ".join(process.cmdline())
            marked = process.environ().get(SESSION) == os.environ[SESSION]
            if marked and process.pid not in mine and not any(helper in command for helper in HELPERS):
                found[process] = command
    return found


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
