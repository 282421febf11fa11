"""What every peer shares: the images of the prepared data set, and a journal with one JSON line an epoch."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from kedja.data.prepared import load


def read_images() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Split → uint8 (N, 32, 32, 3) and int64 (N,), in memory: no peer pays for reading files."""
    data = load(Path(sys.argv[1]))
    if data.images is None:
        raise ValueError("the peers read data sets that are stored as arrays")
    return {split: (data.images[data.split(split)], data.labels[data.split(split)]) for split in ("train", "val")}


class Journal:
    """Clock of a training. Made when everything is ready: what came before is start-up."""

    def __init__(self) -> None:
        self._file = Path(sys.argv[2])
        self._start_up = time.time() - float(sys.argv[3])
        self._epoch = 0
        self._started, self._spent = time.perf_counter(), processor_seconds()

    def epoch(self, accuracy: float) -> None:
        """Called when an epoch and its validation are over."""
        self._epoch += 1
        line = {
            "epoch": self._epoch,
            "seconds": time.perf_counter() - self._started,
            "processor_seconds": processor_seconds() - self._spent,
            "accuracy": float(accuracy),
            "start_up": self._start_up,
        }
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")


def processor_seconds() -> float:
    """Of this process and of its workers, which end with their epoch."""
    return sum(os.times()[:4])
