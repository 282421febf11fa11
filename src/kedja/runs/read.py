"""Finished runs, read from their folders, and experiments: one configuration over its seeds."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Input
from kedja.bundle.inputs.registry import from_json, input_type
from kedja.bundle.validate import check_types
from kedja.common.errors import KedjaError
from kedja.common.files import read_json, write_text
from kedja.common.npz import read_arrays
from kedja.common.progress import say
from kedja.runs.folder import METRICS, PROVENANCE, SUMMARY, answers_file, is_finished
from kedja.runs.record import read_lines
from kedja.runs.scores import softmax

SCHEMA_VERSION = 2
# What version 1 called `kind`, and the frameworks that there were.
FRAMEWORK_OF_KIND = {"training": "torch", "baseline": "sklearn"}
DEBUG = "debug"
USED_LAST = "data-set-used-last"
# What everybody asks of these groups of a summary.
_ALWAYS_IN = {"validation": ("accuracy", "loss"), "data": ("name", "hash")}


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


@dataclass(frozen=True)
class Begun:
    """What is known of a run from its first moment: its folder, what learns it, on which data, with what settings.

    `framework` is an entry of `kedja.frameworks.registry`; `data` has `name` and `hash`; `hyperparameters` are flat.
    """

    directory: Path
    framework: str
    experiment: str
    config_hash: str
    seed: int
    model: str
    data: dict[str, str]
    hyperparameters: dict[str, Any]


@dataclass(frozen=True)
class Run(Begun):
    """A finished run: with it, what its `summary.json` says (docs/architecture.md).

    `energy` is empty where nothing was counted. `subset` says of which part of the data set the run is, None for all.
    """

    parameters: int
    epochs: int
    best_epoch: int
    validation: dict[str, float]
    train: dict[str, float]
    wall_seconds: float
    images_per_second: float
    energy: dict[str, Any] = field(default_factory=dict)
    subset: dict[str, Any] | None = None

    def predictions(self, split: str = "validation") -> Predictions:
        """The stored answers on `validation`, or on `test` once that has been evaluated, in the order of the ids."""
        path = self.directory / answers_file(split)
        remedy = "remove the run's folder and run it again"
        ids, labels, logits = read_arrays(path, "ids", "labels", "logits", remedy=remedy)
        order = np.argsort(ids, kind="stable")
        return Predictions(ids[order], labels[order], logits[order])

    @property
    def nouns(self) -> str:
        """What its examples are called."""
        facts = read_provenance(self.directory).get("data", {})
        return input_type(facts.get("kind", "image")).nouns

    def metrics(self) -> list[dict[str, Any]]:
        """One dictionary an epoch; empty for frameworks without epochs."""
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
    def framework(self) -> str:
        return self.first.framework

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
    """The run in `directory`, of this or an earlier version.

    Raises:
        KedjaError: there is none, it is unfinished, or its summary is damaged.
    """
    if not directory.is_dir():
        raise KedjaError(f"there is no run at {directory}", "`just experiments` makes runs, `just runs` lists them")
    path = directory / SUMMARY
    if not is_finished(directory):
        again = "run its training again to continue it, or finish it with `just experiments`"
        if path.is_file():
            raise KedjaError(f"{path} is empty or damaged: the run counts as unfinished", again)
        raise KedjaError(f"{directory} holds no finished run (no {SUMMARY})", again)
    try:
        return _run(directory, _current(read_json(path)))
    except KeyError as error:
        problem = f"it lacks {error}"
    except KedjaError as error:
        problem = error.problem
    raise KedjaError(f"{path} is damaged: {problem}", "remove that file and run its training again, which completes it")


def _run(directory: Path, summary: dict[str, Any]) -> Run:
    known = {}
    for one in fields(Run):
        needed = one.default is MISSING and one.default_factory is MISSING
        if one.name != "directory" and (needed or one.name in summary):
            known[one.name] = summary[one.name]
            check_types(summary[one.name], one.type, one.name)
    for group, names in _ALWAYS_IN.items():
        for name in names:
            _ = known[group][name]
    return Run(directory=directory, **known)


def _current(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary of an earlier version as this one writes it."""
    if "framework" in summary:
        return summary
    return {**summary, "framework": FRAMEWORK_OF_KIND[summary["kind"]]}


def read_provenance(directory: Path) -> dict[str, Any]:
    """`provenance.json`, which is there from before the first step; empty where there is none.

    Before version 2 only networks had one before they were finished, so that `framework` is ``torch`` there.
    """
    path = directory / PROVENANCE
    return {"framework": FRAMEWORK_OF_KIND["training"], **read_json(path)} if path.is_file() else {}


def read_input(directory: Path) -> Input:
    """What the run's model expects of an example."""
    facts = read_provenance(directory)["data"]
    # Runs from when there were images alone say `image`.
    return from_json(facts.get("kind", "image"), facts["input"] if "input" in facts else facts["image"])


def find_runs(runs: Path, data: str | None = None) -> list[Run]:
    """Every finished run under `runs/`, in the order of their paths; of the data set `data` where given.

    One whose summary is damaged is named and left aside.
    """
    found = []
    for path in sorted(runs.glob(f"*/seed*/{SUMMARY}")):
        try:
            found.append(read_run(path.parent))
        except KedjaError as error:
            _say_once(f"note: {error.problem}: it is left aside; {error.remedy}")
    return [run for run in found if data is None or run.data["name"] == data]


@cache
def _say_once(line: str) -> None:
    say(line)


def find_experiments(runs: Path, data: str | None = None) -> list[Experiment]:
    """The experiments on one whole data set that are compared, best mean validation accuracy first.

    The data set is the one used last where none is given. `debug` is left out where its framework has any other run,
    tries (`find_tries`) are left out, and where the data set has changed, only the runs on its newest form count.

    Raises:
        KedjaError: no finished run.
    """
    everything = _configurations(runs, data)
    return [one for one in everything if not _is_try(one, everything)]


def find_tries(runs: Path, data: str | None = None) -> list[Experiment]:
    """Configurations that are looked at, not compared: of each there is one with more seeds, or, where one seed is all
    there is, the same with more epochs.
    """
    everything = _configurations(runs, data)
    return [one for one in everything if _is_try(one, everything)]


def chosen_data(runs: Path, data: str | None, say: Callable[[str], None]) -> str | None:
    """`data`, or the one used last, which is said where there are others; None without runs.

    Used last is the one of the run that finished last, or what was named in a command since (`remember`).
    """
    found = [run for run in find_runs(runs) if run.subset is None]
    if data is not None or not found:
        return data
    newest, mark = _finished_last(found), runs / USED_LAST
    last = newest.data["name"]
    if mark.is_file() and mark.stat().st_mtime_ns > (newest.directory / SUMMARY).stat().st_mtime_ns:
        named = mark.read_text(encoding="utf-8")
        last = named if named in {run.data["name"] for run in found} else last
    if others := sorted({run.data["name"] for run in found} - {last}):
        say(f"data set {last}, used last (others have runs too: {', '.join(f'data={name}' for name in others)})")
    return str(last)


def remember(runs: Path, data: str | None) -> None:
    """The data set that a command was told to use is the one used last."""
    if data is not None and runs.is_dir():
        write_text(runs / USED_LAST, data)


def _is_try(experiment: Experiment, everything: list[Experiment]) -> bool:
    same = [one for one in everything if one.name == experiment.name]
    return any(len(one.runs) > len(experiment.runs) or _goes_further(one.first, experiment) for one in same)


def _goes_further(run: Run, than: Experiment) -> bool:
    """Whether it is the only seed of `than` with more epochs."""
    other = than.first.hyperparameters
    longer = run.hyperparameters.get("epochs", 0) > other.get("epochs", 0)
    return longer and len(than.runs) == 1 and {**run.hyperparameters, "epochs": 0} == {**other, "epochs": 0}


def _configurations(runs: Path, data: str | None) -> list[Experiment]:
    data = chosen_data(runs, data, lambda line: None)
    found = [run for run in find_runs(runs, data) if run.subset is None]
    if not found:
        of = f" on the data set {data!r}" if data else ""
        raise KedjaError(f"{runs}/ holds no finished run{of}", "make some with `just experiments`")
    found = [run for run in found if run.data["hash"] == newest_hash(found)]
    serious = [run for run in found if run.experiment != DEBUG]
    if {run.framework for run in found} == {run.framework for run in serious}:
        found = serious
    return sorted(group(found), key=lambda one: (-one.mean_accuracy, one.mean_loss, one.name))


def newest_hash(found: list[Run]) -> str:
    """The hash of the data that the run finished last was trained on."""
    return str(_finished_last(found).data["hash"])


def _finished_last(found: list[Run]) -> Run:
    return max(found, key=lambda run: (run.directory / SUMMARY).stat().st_mtime_ns)


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
