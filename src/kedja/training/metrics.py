"""The record of a run, a line an epoch: `metrics.jsonl` for programs, TensorBoard's events for people."""

import json
from pathlib import Path
from typing import Any

from kedja.bundle.files import write_text
from kedja.training.events import EventFile
from kedja.training.run import METRICS

UNPLOTTED = ("epoch", "step")


class MetricsLog:
    """Starts from `history`, the lines of the checkpoint that a run continues from; later ones are dropped.

    `events` get the same, where there are any.
    """

    def __init__(self, directory: Path, history: list[dict[str, Any]], events: EventFile | None = None) -> None:
        self._path = directory / METRICS
        self.history = history
        write_text(self._path, "".join(_line(one) for one in history))
        self._events = events
        for one in history:
            self._plot(one)

    def add(self, one: dict[str, Any]) -> None:
        self.history.append(one)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(one))
        self._plot(one)

    def _plot(self, one: dict[str, Any]) -> None:
        if self._events is not None:
            self._events.add(one["step"], {name: value for name, value in one.items() if name not in UNPLOTTED})


def _line(one: dict[str, Any]) -> str:
    return json.dumps(one) + "\n"
