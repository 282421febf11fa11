"""A tracker of the tests' own: what it gets is a line in `toy.jsonl` beside the runs.

A process that has this file's folder's parent on its path and imports `support.toy_tracker` can `register` it; the
process that follows a run does so by the `sitecustomize.py` that `let_every_process_register` writes.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedja.experiments.trackers import tracker as trackers
from kedja.experiments.trackers.tracker import Settings, artifacts, final_figures, settings_of, title
from kedja.runs.read import Begun, Run

NAME = "toy"
LINES = "toy.jsonl"


def register() -> None:
    trackers.TRACKERS[NAME] = trackers.Entry(__name__, "support")


def let_every_process_register(folder: Path) -> str:
    """A `PYTHONPATH` with which every Python process begins with `register`."""
    (folder / "sitecustomize.py").write_text("from support import toy_tracker\n\ntoy_tracker.register()\n")
    return f"{folder}:{Path(__file__).parents[1]}"


def start(run: Begun, settings: Settings, identity: str | None) -> "Toy":
    known = identity or f"toy-{run.config_hash}-{run.seed}"
    toy = Toy(settings.runs / LINES, known)
    said = {"project": settings.project_of(run), "title": title(run), "width": settings_of(run).get("model.width")}
    toy.say("continue" if identity else "create", **said)
    return toy


class Toy:
    def __init__(self, file: Path, identity: str) -> None:
        self.file, self.identity = file, identity

    def say(self, what: str, **facts: Any) -> None:
        with self.file.open("a") as file:
            file.write(json.dumps({"what": what, "run": self.identity, **facts}) + "\n")

    def epochs(self, lines: Sequence[dict[str, Any]]) -> None:
        self.say("epochs", epochs=[line["epoch"] for line in lines])

    def finish(self, run: Run) -> None:
        self.say("finish", **final_figures(run), files=[path.name for path in artifacts(run)])

    def interrupt(self) -> None:
        self.say("interrupt")
