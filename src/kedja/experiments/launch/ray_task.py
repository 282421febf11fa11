"""What a Ray cluster's node does with one task: the same command in the same kind of process as on one machine.

Where the node sees the folder that the experiments were started in, the command runs right there, and a task that Ray
starts again after a lost node continues from the run's checkpoint. Elsewhere it runs in a scratch folder with a copy of
the data, and the finished runs travel back as archives.
"""

import contextlib
import hashlib
import io
import platform
import tarfile
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kedja.common.names import plain_name
from kedja.data.names import DATA
from kedja.experiments.launch import pool
from kedja.experiments.launch.pool import Task
from kedja.training.config.compose import CONF

CLONE = CONF.parent


@dataclass(frozen=True)
class Place:
    """Where the experiments were started, so that a node can tell whether it sees that folder.

    Attributes:
        folder: their current directory, absolute.
        marker: a file that exists in the folder of the runs while they go on.
        sources: `sources()` there.
    """

    folder: Path
    marker: Path
    sources: str


@dataclass(frozen=True)
class View:
    """What a node says of a `Place`: its own name, whether it sees the folder, whether it has the same code."""

    node: str
    shared: bool
    same_code: bool


@dataclass(frozen=True)
class Result:
    """How a task ended; without a shared folder also its log and an archive of each run's folder."""

    status: int
    log: bytes = b""
    runs: tuple[bytes, ...] = ()


def look(place: Place) -> View:
    """The view of the place that this node has."""
    return View(platform.node(), place.marker.is_file(), sources() == place.sources)


def run_shared(task: Task, place: Place) -> Result:
    """Run the task in the folder that everybody sees."""
    refused = _refusal(place, shared=True)
    return refused or Result(_run(task, place.folder))


def run_apart(task: Task, place: Place, name: str, archive: list[Any]) -> Result:
    """Run the task in a scratch folder with the data set `name`; `archive` holds the reference of what was packed.

    Ray fetches what is an argument itself; what is in a list waits until a node is found to be fit.
    """
    import ray

    refused = _refusal(place, shared=False)
    if refused:
        return refused
    with tempfile.TemporaryDirectory(prefix="kedja-") as scratch:
        folder = Path(scratch)
        unpack(ray.get(archive[0]), folder / DATA / plain_name("data", name))
        status = _run(task, folder)
        log = (folder / task.log).read_bytes()
        runs = [] if status else [pack(folder / directory) for directory in task.directories]
        return Result(status, log, tuple(runs))


def sources() -> str:
    """SHA-256 of all that decides what a run computes: code, configuration, locked packages."""
    digest = hashlib.sha256()
    files = [CLONE / "uv.lock"]
    for part, pattern in (("src/kedja", "*.py"), ("conf", "*.yaml")):
        files += sorted((CLONE / part).rglob(pattern))
    for file in files:
        digest.update(f"{file.relative_to(CLONE).as_posix()}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def pack(folder: Path) -> bytes:
    """The folder's content as a tar archive; links are followed, because their targets stay behind."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        archive.add(folder, arcname=".")
    return buffer.getvalue()


def unpack(archive: bytes, folder: Path) -> None:
    """What `pack` packed, into `folder`; nothing in it can point outside."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        opened.extractall(folder, filter="data")


def _refusal(place: Place, shared: bool) -> Result | None:
    """A node that joined later may be another kind than those that were asked at the start."""
    view = look(place)
    if not view.same_code:
        return Result(1, f"{view.node} has other code than the machine that started this\n".encode())
    if shared and not view.shared:
        return Result(1, f"{view.node} does not see {place.folder}: ray.shared=false brings results back\n".encode())
    return None


def _run(task: Task, folder: Path) -> int:
    """Run the task from `folder` by this clone's code; its exit status.

    The open log is locked by the task's process and by this one: a task that Ray starts again, because it lost sight
    of a node that goes on all the same, waits for it instead of writing into the same run beside it.
    """
    import fcntl

    with contextlib.chdir(folder):
        task.log.parent.mkdir(parents=True, exist_ok=True)
        with task.log.open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = pool.start(replace(task, environment={}), inherited=[lock.fileno()])
            try:
                return process.wait()
            finally:
                pool.stop([process])
