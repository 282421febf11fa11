"""One installation at a time in one clone."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Wait until no other process is in this block for the same clone; a process that dies leaves it."""
    if sys.platform == "win32":
        yield  # no such locks there: two recipes started at once on a fresh clone are the user's to avoid
        return
    import fcntl

    path = root / ".tools" / "env.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
