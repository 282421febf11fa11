"""One preparation of a data set at a time, across processes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kedja.common.progress import say


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; waits for another process that holds it. The system frees it when we die."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if os.name == "posix":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another process prepares this data set; waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
