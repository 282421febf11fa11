"""One process at a time, across processes and hosts that share a folder."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from kedja.common.refusals import naming

_SECONDS_BETWEEN_LOOKS = 0.2


@contextlib.contextmanager
def locked(
    path: Path, *, waiting: str = "", patience: float | None = None, refusal: Callable[[str], Exception] | None = None
) -> Iterator[None]:
    """Hold the lock file `path`, which names its holder. The system frees it when we die, however we do.

    The lock is this process's alone: neither its threads nor its children are kept apart or hold it. Windows has no
    such lock; there two processes are not kept apart.

    Args:
        waiting: said once on standard error where another process holds it.
        patience: how many seconds to wait for it; None for as long as it takes.
        refusal: makes what is raised when patience ran out, of the words for the holder.

    Raises:
        Exception: what `refusal` made.
    """
    if sys.platform == "win32":
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if not _taken(file):
            if waiting:
                print(waiting, file=sys.stderr, flush=True)
            deadline = time.monotonic() + (float("inf") if patience is None else patience)
            while not _taken(file):
                if time.monotonic() >= deadline:
                    file.seek(0)
                    holder = file.read() or "another process"
                    raise refusal(holder) if refusal else TimeoutError(f"{path} is held by {holder}")
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        with naming(path):
            file.truncate(0)
            # Past the buffer, which would be written again, and fail again, when the file is closed.
            os.write(file.fileno(), f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield


def _taken(file: IO[str]) -> bool:
    """Whether the lock could be had at once."""
    import fcntl

    with contextlib.suppress(BlockingIOError, PermissionError):
        # Of this process alone: one by `flock` would stay for a while with processes that were forked meanwhile.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
