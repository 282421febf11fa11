"""What a tracker is: one file with `start`, and one registry line."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from kedja.common.errors import KedjaError, nearest
from kedja.frameworks.registry import find
from kedja.runs.folder import CONFIG, METRICS, PROVENANCE, SUMMARY, TEST, hash_in, is_finished
from kedja.runs.read import Begun, Run, read_provenance, read_run
from kedja.training.config.schema import NONE, TENSORBOARD


@dataclass(frozen=True)
class Entry:
    """Our module for a tracker, which has `start`, and the package that must be installed for it."""

    module: str
    package: str


TRACKERS = {
    "mlflow": Entry("kedja.experiments.trackers.mlflow_store", "mlflow"),
    "wandb": Entry("kedja.experiments.trackers.wandb_store", "wandb"),
}
# What a tracker gets besides parameters and metrics, where the run has it.
ARTIFACTS = (CONFIG, PROVENANCE, SUMMARY, METRICS, TEST)


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

    def project_of(self, run: Begun) -> str:
        return self.project or run.data["name"]


class Tracker(Protocol):
    """A run at a tracker. Whatever its methods raise means that the tracker could not be reached.

    Attributes:
        identity: what the tracker calls the run.
    """

    identity: str

    def epochs(self, lines: Sequence[dict[str, Any]]) -> None:
        """Send lines of `metrics.jsonl`."""

    def finish(self, run: Run) -> None:
        """Send figures and files of the finished run, and close it."""

    def interrupt(self) -> None:
        """Close a run that stopped before its end; it may be continued."""


def start(name: str, run: Begun, settings: Settings, identity: str | None) -> Tracker:
    """The run at the tracker `name`: a new one, or the one that has `identity` there.

    Raises:
        KedjaError: there is no such tracker, or its package is not installed.
    """
    check(name)
    tracker: Tracker = importlib.import_module(TRACKERS[name].module).start(run, settings, identity)
    return tracker


def check(name: str) -> None:
    """See that a tracker exists and is installed, without loading it.

    Raises:
        KedjaError: there is no such tracker, or its package is not installed.
    """
    if name not in TRACKERS:
        raise KedjaError(f"there is no tracker {name!r}", nearest(name, list(TRACKERS)))
    if find_spec(TRACKERS[name].package) is None:
        raise KedjaError(f"{name} is not installed", "install it with `just env groups=dev,track`")


def check_names(names: Sequence[str]) -> None:
    """See that what a configuration names are trackers.

    Raises:
        KedjaError: one of them is none; names the nearest.
    """
    known = [TENSORBOARD, *TRACKERS, NONE]
    for name in names:
        if name not in known:
            raise KedjaError(f"tracker={name}: there is no such tracker", nearest(name, known))


def read_begun(directory: Path) -> Begun:
    """What is known of a run that may still go on, from what training writes before its first step.

    Raises:
        KedjaError: it has not got that far.
    """
    from kedja.training.config.compose import from_json
    from kedja.training.config.schema import flat

    if is_finished(directory):
        return read_run(directory)
    config = from_json(directory / CONFIG)
    known = read_provenance(directory)
    return Begun(
        directory,
        known["framework"],
        config.experiment,
        hash_in(directory),
        config.seed,
        config.model.name,
        known["data"],
        flat(config),
    )


def title(run: Begun) -> str:
    """What the tracker shows as the run's name."""
    return f"{run.experiment} seed {run.seed}"


def settings_of(run: Begun) -> dict[str, Any]:
    """Settings and identity, flat."""
    return {**run.hyperparameters, "model": run.model, "config_hash": run.config_hash}


def final_figures(run: Run) -> dict[str, float]:
    """The figures of the finished run."""
    return {
        "validation_accuracy": run.validation["accuracy"],
        "validation_loss": run.validation["loss"],
        "parameters": run.parameters,
        "wall_seconds": run.wall_seconds,
        "images_per_second": run.images_per_second,
    }


def artifacts(run: Run) -> list[Path]:
    """Files of the run that a tracker keeps."""
    names = (*ARTIFACTS, find(run.framework).weights)
    return [path for name in names if (path := run.directory / name).is_file()]
