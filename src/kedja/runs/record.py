"""The record of a run in lines of JSON: for programs in a file, for people in TensorBoard."""

import json
from pathlib import Path
from typing import Any

from kedja.common.files import write_text
from kedja.runs.events import EventFile

UNPLOTTED = ("epoch", "step")
# TensorBoard sorts groups by their names: what everybody looks at first comes first.
GROUPS = {
    "train_loss": "1 loss/training",
    "val_loss": "1 loss/validation",
    "train_accuracy": "2 accuracy/training",
    "val_accuracy": "2 accuracy/validation",
}
COURSE, DIAGNOSIS = "3 course", "4 diagnosis"


class Record:
    """A file with a line for each dictionary, and `events` with the same numbers, where there are any.

    Starts from `lines`, those of the checkpoint that a run continues from; later ones in the file are dropped.
    """

    def __init__(self, path: Path, lines: list[dict[str, Any]], events: EventFile | None = None) -> None:
        self._path, self.lines, self._events = path, lines, events
        write_text(path, "".join(_text(one) for one in lines))
        for one in lines:
            self._plot(one)

    def add(self, one: dict[str, Any]) -> None:
        """Append a line; its `step` is where TensorBoard draws it."""
        self.lines.append(one)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_text(one))
        self._plot(one)

    def _plot(self, one: dict[str, Any]) -> None:
        if self._events is not None:
            self._events.add(one["step"], {tag(name): value for name, value in one.items() if name not in UNPLOTTED})


def tag(name: str) -> str:
    """What TensorBoard calls a number: `<group>/<name>`; losses first, then accuracies, the course, the diagnosis."""
    if "/" in name:
        return f"{DIAGNOSIS}: {name}"
    return GROUPS.get(name, f"{COURSE}/{name.replace('_', ' ')}")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The complete lines; a half-written last one is left out. Empty where there is no file."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines if line.strip()]


def _text(one: dict[str, Any]) -> str:
    return json.dumps(one) + "\n"
