"""The last images of a process, counted in the reference's bins, and the sum over all processes."""

import os
from collections import deque
from pathlib import Path

import msgspec
import numpy as np

from kedja.bundle.reference import Counts
from kedja.serving.settings import WINDOW_FILE


class Window:
    """Counts of the last images and minutes; what is too old goes in the portions in which it came.

    Args:
        bins: of all features together.
        images: at the most, but for the last portion, which stays whole.
        seconds: how long a portion stays.
    """

    def __init__(self, bins: int, images: int, seconds: float) -> None:
        self.counts: Counts = np.zeros(bins, np.int64)
        self._most = images
        self._seconds = seconds
        self._images = 0
        self._portions: deque[tuple[float, int, Counts]] = deque()

    def add(self, now: float, images: int, counts: Counts) -> None:
        self.counts = self.counts + counts
        self._images += images
        self._portions.append((now, images, counts))
        while len(self._portions) > 1 and self._images > self._most:
            self._forget()

    def forget_old(self, now: float) -> None:
        while self._portions and self._portions[0][0] < now - self._seconds:
            self._forget()

    def _forget(self) -> None:
        _, images, counts = self._portions.popleft()
        self.counts = self.counts - counts
        self._images -= images


class Board:
    """Where the processes of a service read each other's windows: a file each in a folder; none for a single process.

    Bins mean something else in another bundle, so counts go with the version that they belong to.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._own: tuple[str, Counts] = ("", np.zeros(0, np.int64))

    def publish(self, version: str, counts: Counts) -> None:
        """Replace what this process said before."""
        if self._own[0] == version and np.array_equal(self._own[1], counts):
            return
        self._own = (version, counts)
        if self._folder is not None:
            path = self._folder / WINDOW_FILE.format(os.getpid())
            unfinished = path.with_suffix(".part")
            unfinished.write_bytes(msgspec.json.encode([version, counts.tolist()]))
            unfinished.replace(path)

    def total(self, version: str, bins: int) -> Counts:
        """The sum over all processes that count for this version, int64 (bins,)."""
        said = [self._own] if self._folder is None else _read_all(self._folder)
        nothing: Counts = np.zeros(bins, np.int64)
        return sum((counts for name, counts in said if name == version), nothing)


def _read_all(folder: Path) -> list[tuple[str, Counts]]:
    found = []
    for path in folder.glob(WINDOW_FILE.format("*")):
        try:
            version, counts = msgspec.json.decode(path.read_bytes())
        except FileNotFoundError:  # its process ended
            continue
        found.append((version, np.array(counts, np.int64)))
    return found
