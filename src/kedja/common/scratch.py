"""Files and folders that are being made: hidden beside their place, and removed when who made them died.

The maker holds a lock on what it makes; the system frees it with the process. What nobody holds is a leftover.
"""

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".part"


@contextmanager
def scratch(path: Path, *, folder: bool = False, suffix: str = PART) -> Iterator[Path]:
    """A fresh empty file or folder ``.<name>.*<suffix>`` beside `path`; what becomes of it is the caller's to say."""
    while True:
        made = _make(path, suffix, folder=folder)
        lock = _lock(made, wait=True)
        # Between the two another process may have taken it for a leftover.
        if made.exists():
            break
        _release(lock)
    try:
        yield made
    finally:
        _release(lock)


def leftovers(path: Path, suffix: str = PART) -> Iterator[Path]:
    """What `scratch` made beside `path` for processes that are dead; each is removed after the caller saw it."""
    for found in sorted(path.parent.glob(f"{glob.escape(f'.{path.name}.')}*{suffix}")):
        lock = _lock(found, wait=False)
        if lock is None:
            continue
        try:
            yield found
            shutil.rmtree(found, ignore_errors=True) if found.is_dir() else found.unlink(missing_ok=True)
        finally:
            _release(lock)


def _make(path: Path, suffix: str, *, folder: bool) -> Path:
    if folder:
        return Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=suffix))
    descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=suffix)
    os.close(descriptor)
    return Path(made)


def _lock(path: Path, *, wait: bool) -> int | None:
    """A descriptor that holds the lock; None where another process does, or the system has none."""
    if os.name != "posix":
        return None
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _release(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)
