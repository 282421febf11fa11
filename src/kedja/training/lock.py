"""One process at a time in a run's folder."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kedja.bundle.errors import KedjaError
from kedja.training.run import is_first_process

LOCK = "training.lock"


@contextmanager
def only_process(directory: Path) -> Iterator[None]:
    """Keep other processes from training in `directory`, also from other hosts that share it.

    The system frees the lock when its holder dies, however it does. Under `torchrun` the first process holds it for
    all. Windows has no such lock; there two processes are not kept apart.

    Raises:
        KedjaError: another process trains there (names it).
    """
    if os.name != "posix" or not is_first_process():
        yield
        return
    import fcntl

    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("a+", encoding="utf-8") as file:
        try:
            # Of this process alone: one by `flock` would stay with the processes that decode images for a while.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise KedjaError(
                f"{directory} is being trained already, by {file.read() or 'another process'}",
                "wait for it, or stop it and give the same command again to continue",
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
