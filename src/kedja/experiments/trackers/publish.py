"""Sending finished runs to a tracker: each once, and what cannot be sent now is sent next time.

A tracker is one file with `publish(run, settings) -> str` (the identity it got there) and one registry line.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedja.bundle.errors import KedjaError, nearest
from kedja.bundle.files import read_json, write_json
from kedja.experiments.runs import Run

TRACKED = "tracked.json"
MOST_IN_A_ROW = 3
TRACKERS = {
    "mlflow": "kedja.experiments.trackers.mlflow_store",
    "wandb": "kedja.experiments.trackers.wandb_store",
}
# What a tracker gets besides parameters and metrics, where the run has it.
ARTIFACTS = ("config.json", "provenance.json", "summary.json", "metrics.jsonl", "test.json", "best.safetensors")


@dataclass(frozen=True)
class Settings:
    """Where the tracker is.

    Attributes:
        address: of a server; empty for the tracker's own local store under `runs/`.
        project: what the tracker files the runs under; empty for the data set's name.
    """

    runs: Path
    address: str = ""
    project: str = ""

    def project_of(self, run: Run) -> str:
        return self.project or str(run.data["name"])


@dataclass(frozen=True)
class Outcome:
    """How many runs went out, how many were there already, and what went wrong with the others."""

    sent: int
    present: int
    problems: list[str]


def publish(tracker: str, runs: Sequence[Run], settings: Settings) -> Outcome:
    """Send the runs that `tracker` does not have yet. One that cannot be sent is reported, and stops no other;
    only after three in a row the tracker is taken for down.

    Raises:
        KedjaError: there is no such tracker, or its package is not installed.
    """
    send = _adapter(tracker)
    sent, present, in_a_row, problems = 0, 0, 0, []
    for number, run in enumerate(runs):
        if in_a_row == MOST_IN_A_ROW:
            problems.append(f"{len(runs) - number} more were not tried")
            break
        path = run.directory / TRACKED
        known = read_json(path) if path.is_file() else {}
        key = f"{tracker} {settings.address}".strip()
        if key in known:
            present += 1
            continue
        try:
            known[key] = send(run, settings)
        except Exception as error:  # noqa: BLE001 - whatever a tracker's client raises, the run itself is done and kept
            in_a_row += 1
            problems.append(f"{run.directory}: {_first_line(error)}")
            continue
        write_json(path, known)
        sent, in_a_row = sent + 1, 0
    return Outcome(sent, present, problems)


def parameters(run: Run) -> dict[str, Any]:
    """Settings and identity of a run, flat."""
    return {**run.hyperparameters, "model": run.model, "parameters": run.parameters, "config_hash": run.config_hash}


def final_figures(run: Run) -> dict[str, float]:
    """The figures of the finished run."""
    return {
        "validation_accuracy": run.validation["accuracy"],
        "validation_loss": run.validation["loss"],
        "wall_seconds": run.wall_seconds,
        "images_per_second": run.images_per_second,
    }


def artifacts(run: Run) -> list[Path]:
    """Files of the run that a tracker keeps."""
    return [path for name in ARTIFACTS if (path := run.directory / name).is_file()]


def _first_line(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {text[:160]}"


def _adapter(tracker: str) -> Callable[[Run, Settings], str]:
    if tracker not in TRACKERS:
        raise KedjaError(f"there is no tracker {tracker!r}", nearest(tracker, list(TRACKERS)))
    try:
        importlib.import_module(tracker)
    except ImportError:
        raise KedjaError(f"{tracker} is not installed", "install it with `just env groups=dev,track`") from None
    adapter: Callable[[Run, Settings], str] = importlib.import_module(TRACKERS[tracker]).publish
    return adapter
