"""Finished runs, read from their folders, and experiments: one configuration over its seeds."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.common.errors import KedjaError
from kedja.common.files import read_json
from kedja.common.npz import read_arrays
from kedja.runs.folder import METRICS, SUMMARY
from kedja.runs.record import read_lines

DEBUG = "debug"


@dataclass(frozen=True)
class Predictions:
    """What a run says of a split: `ids` (N,), `labels` int64 (N,), `logits` float32 (N, classes)."""

    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]

    @property
    def correct(self) -> NDArray[np.bool_]:
        hits: NDArray[np.bool_] = self.logits.argmax(axis=1) == self.labels
        return hits

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """float64 (N, classes)."""
        return softmax(self.logits)


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Over the last axis, in float64."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return result


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and what its `summary.json` says (docs/architecture.md).

    `energy` is empty for baselines and for runs of earlier versions. `subset` says of which part of the data set the
    run is, None for all of it.
    """

    directory: Path
    kind: str
    experiment: str
    config_hash: str
    seed: int
    model: str
    parameters: int
    epochs: int
    best_epoch: int
    validation: dict[str, float]
    train: dict[str, float]
    wall_seconds: float
    images_per_second: float
    data: dict[str, str]
    hyperparameters: dict[str, Any]
    energy: dict[str, Any]
    subset: dict[str, Any] | None

    def predictions(self, split: str = "validation") -> Predictions:
        """The stored answers on `validation`, or on `test` once that has been evaluated, in the order of the ids."""
        path = self.directory / f"{split}.npz"
        remedy = "remove the run's folder and run it again"
        ids, labels, logits = read_arrays(path, "ids", "labels", "logits", remedy=remedy)
        order = np.argsort(ids, kind="stable")
        return Predictions(ids[order], labels[order], logits[order])

    def metrics(self) -> list[dict[str, Any]]:
        """One dictionary an epoch; empty for baselines."""
        return read_metrics(self.directory)


@dataclass(frozen=True)
class Experiment:
    """One configuration: its runs, by seed."""

    name: str
    config_hash: str
    runs: list[Run]

    @property
    def first(self) -> Run:
        return self.runs[0]

    @property
    def kind(self) -> str:
        return self.first.kind

    @property
    def accuracies(self) -> list[float]:
        """Validation accuracy by seed."""
        return [run.validation["accuracy"] for run in self.runs]

    @property
    def mean_accuracy(self) -> float:
        return float(np.mean(self.accuracies))

    @property
    def mean_loss(self) -> float:
        return float(np.mean([run.validation["loss"] for run in self.runs]))

    def correct(self) -> NDArray[np.bool_]:
        """Bool (seeds, N): which validation images each seed's model got right."""
        return np.stack([run.predictions().correct for run in self.runs])


def read_run(directory: Path) -> Run:
    """The run in `directory`.

    Raises:
        KedjaError: it is unfinished, or its summary is damaged.
    """
    if not (directory / SUMMARY).is_file():
        raise KedjaError(f"{directory} holds no finished run (no {SUMMARY})", "finish it with `just experiments`")
    summary = read_json(directory / SUMMARY)
    try:
        names = [field.name for field in fields(Run) if field.name not in ("directory", "energy", "subset")]
        known = {name: summary[name] for name in names}
        return Run(directory=directory, energy=summary.get("energy", {}), subset=summary.get("subset"), **known)
    except (KeyError, TypeError) as error:
        raise KedjaError(
            f"{directory / SUMMARY} is damaged: {type(error).__name__}: {error}",
            "remove the run's folder and run it again",
        ) from None


def find_runs(runs: Path, data: str | None = None) -> list[Run]:
    """Every finished run under `runs/`, in the order of their paths; of the data set `data` where given."""
    found = [read_run(path.parent) for path in sorted(runs.glob(f"*/seed*/{SUMMARY}"))]
    return [run for run in found if data is None or run.data["name"] == data]


def find_experiments(runs: Path, data: str | None = None) -> list[Experiment]:
    """The finished runs on one whole data set, grouped by configuration, best mean validation accuracy first.

    `debug` is left out where any other network is there. Where the data set has changed, only the runs on
    its newest form count.

    Raises:
        KedjaError: no finished run, or runs on several data sets and none chosen.
    """
    found = [run for run in find_runs(runs, data) if run.subset is None]
    if not found:
        of = f" on the data set {data!r}" if data else ""
        raise KedjaError(f"{runs}/ holds no finished run{of}", "make some with `just experiments`")
    names = sorted({run.data["name"] for run in found})
    if len(names) > 1:
        raise KedjaError(
            f"{runs}/ holds runs on several data sets: {', '.join(names)}", f"choose one, for example data={names[0]}"
        )
    found = [run for run in found if run.data["hash"] == newest_hash(found)]
    serious = [run for run in found if run.experiment != DEBUG]
    if any(run.kind == "training" for run in serious):
        found = serious
    return sorted(group(found), key=lambda one: (-one.mean_accuracy, one.mean_loss, one.name))


def newest_hash(found: list[Run]) -> str:
    """The hash of the data that the run finished last was trained on."""
    newest = max(found, key=lambda run: (run.directory / SUMMARY).stat().st_mtime_ns)
    return str(newest.data["hash"])


def runs_on_other_data(runs: Path, data: str | None = None) -> list[Run]:
    """The finished runs that no comparison counts, because the data set has changed since."""
    found = find_runs(runs, data)
    return [run for run in found if run.data["hash"] != newest_hash(found)]


def group(runs: list[Run]) -> list[Experiment]:
    """Runs that differ only by their seed, together."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.experiment, run.config_hash), []).append(run)
    return [
        Experiment(name, config_hash, sorted(members, key=lambda run: run.seed))
        for (name, config_hash), members in groups.items()
    ]


def read_metrics(directory: Path) -> list[dict[str, Any]]:
    """The complete lines of `metrics.jsonl`; a half-written last line is left out."""
    return read_lines(directory / METRICS)
