"""Small disks, and folders that can only be read: file systems in memory, for tests that run as root on Linux."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def disk(place: Path, kilobytes: int) -> Iterator["Disk"]:
    """A file system of so many kilobytes, mounted at `place`."""
    if sys.platform != "linux":
        pytest.skip("file systems are mounted otherwise here")
    place.mkdir(parents=True, exist_ok=True)
    done = _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(place))
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", place], check=True, timeout=30)


class Disk:
    """A mounted file system."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"

    def fill(self, leaving: int) -> None:
        """Leave so many kilobytes free."""
        block = bytes(1024)
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(block)
            except OSError:
                pass
            file.truncate(max(0, file.tell() - leaving * 1024))

    def make_room(self) -> None:
        self._filler.unlink()

    def make_read_only(self, *, but: bool = False) -> None:
        """Whether it can be written to no more, or again."""
        done = _mount("-o", f"remount,{'rw' if but else 'ro'}", str(self.place))
        assert done.returncode == 0, done.stderr


def _mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *arguments], capture_output=True, text=True, timeout=30)
