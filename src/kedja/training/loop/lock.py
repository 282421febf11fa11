"""One process at a time in a run's folder."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from kedja.common.errors import KedjaError
from kedja.runs.folder import is_first_process

LOCK = "training.lock"
# A tuning worker that was taken for dead lets go of its run within a heartbeat (5 s) of being back.
PATIENCE_SECONDS = 8.0


@contextlib.contextmanager
def only_process(directory: Path) -> Iterator[None]:
    """Keep other processes from training in `directory`, also from other hosts that share it.

    The system frees the lock when its holder dies, however it does. Under `torchrun` the first process holds it for
    all. Windows has no such lock; there two processes are not kept apart.

    Raises:
        KedjaError: another process trains there (names it) and does not stop within `PATIENCE_SECONDS`.
    """
    if os.name != "posix" or not is_first_process():
        yield
        return
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("a+", encoding="utf-8") as file:
        if not _held(file):
            file.seek(0)
            raise KedjaError(
                f"{directory} is being trained already, by {file.read() or 'another process'}",
                "wait for it, or stop it and give the same command again to continue",
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def _held(file: IO[str]) -> bool:
    """Whether the lock could be had before patience ran out."""
    import fcntl

    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        # Of this process alone: one by `flock` would stay with the processes that decode images for a while.
        with contextlib.suppress(OSError):
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.2)
    return False
