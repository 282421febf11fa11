"""The record of a run, a line an epoch: `metrics.jsonl` for programs, TensorBoard events for people."""

import json
import shutil
from pathlib import Path
from typing import Any

from kedja.bundle.files import write_text
from kedja.training.run import METRICS

TENSORBOARD = "tensorboard"
UNPLOTTED = ("epoch", "step")


class MetricsLog:
    """Starts from `history`, the lines of the checkpoint that a run continues from; later ones are dropped."""

    def __init__(self, directory: Path, history: list[dict[str, Any]]) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._path = directory / METRICS
        self.history = history
        write_text(self._path, "".join(_line(one) for one in history))
        shutil.rmtree(directory / TENSORBOARD, ignore_errors=True)
        self._events = EventFileWriter(str(directory / TENSORBOARD))
        for one in history:
            self._plot(one)

    def add(self, one: dict[str, Any]) -> None:
        self.history.append(one)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(one))
        self._plot(one)

    def close(self) -> None:
        self._events.close()

    def _plot(self, one: dict[str, Any]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=value) for name, value in one.items() if name not in UNPLOTTED]
        event = Event(step=one["step"], summary=Summary(value=values))
        self._events.add_event(event)


def _line(one: dict[str, Any]) -> str:
    return json.dumps(one) + "\n"
