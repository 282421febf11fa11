"""Which runs make up an experiment stage, and which of them are still to be done."""

import itertools
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kedja.baselines import registry as baselines
from kedja.common.cpus import available
from kedja.common.errors import KedjaError, nearest
from kedja.common.progress import say
from kedja.data.splits.subset import Subset, take
from kedja.experiments.launch.pool import Task
from kedja.experiments.launch.sets import members
from kedja.runs.folder import is_finished
from kedja.training.config.experiments import HOME, experiment_names
from kedja.training.models.records import find

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kedja.training.config.schema import TrainConfig

GRID = "grid."
# The modules that make a run (`kedja.common.supervised`).
TRAIN, BASELINE = "kedja.experiments.launch.train", "kedja.baselines.__main__"


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
        seeds: one run a seed and configuration.
        only: names of experiments or of baselines; empty for a whole set.
        baselines: whether the scikit-learn pipelines run too.
        overrides: `key=value` for training, applied to every run.
        grids: training key → values; every combination runs.
        folds: cross-validation too, of the first seed; 0 is off.
        shares: of the training images, for a learning curve; every network and seed runs on each too.
        set: the folder of `conf/experiment/` that runs; empty for the one that suits the data.
    """

    seeds: list[int]
    only: list[str] = field(default_factory=list)
    baselines: bool = True
    overrides: list[str] = field(default_factory=list)
    grids: dict[str, list[str]] = field(default_factory=dict)
    folds: int = 0
    shares: list[float] = field(default_factory=list)
    set: str = ""

    def __post_init__(self) -> None:
        """Refuse a number of folds that cannot be."""
        Subset(folds=self.folds)

    def parts(self) -> list[list[str]]:
        """Seed and part of the data of each run of a configuration, as overrides."""
        whole = [[f"seed={seed}"] for seed in self.seeds]
        folds = [f"data.folds={self.folds}"]
        folded = [[f"seed={self.seeds[0]}", *folds, f"data.fold={fold}"] for fold in range(self.folds)]
        return whole + folded + [[f"data.fraction={share}", *seed] for share in self.shares for seed in whole]

    def points(self) -> list[list[str]]:
        """The combinations of the grids as overrides; one empty combination without grids."""
        axes = [[f"{key}={value}" for value in values] for key, values in self.grids.items()]
        return [list(point) for point in itertools.product(*axes)]


@dataclass(frozen=True)
class TrainingRun:
    """A run that is wanted: what to call it, its overrides, and the configuration that they make."""

    name: str
    overrides: list[str]
    config: "TrainConfig"


def split_arguments(
    arguments: Sequence[str], own: Sequence[str], axis: str = GRID
) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """A script's own keys, overrides for training, and axes (`grid.<key>=a,b`)."""
    mine, overrides, axes = [], [], {}
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key.startswith(axis):
            axes[key.removeprefix(axis)] = [part for part in value.split(",") if part]
        elif key in own or "=" not in argument:
            mine.append(argument)
        else:
            overrides.append(argument)
    return mine, overrides, axes


def chosen(request: Request, conf: Path, suitable: str = HOME) -> tuple[list[str], list[str]]:
    """Names of the experiments and of the baselines that the request means; without any, those of a set.

    Raises:
        KedjaError: a name that is neither.
    """
    experiments, known = experiment_names(conf), list(baselines.BASELINES)
    unknown = [name for name in request.only if name not in [*experiments, *known]]
    if unknown:
        raise KedjaError(f"only={unknown[0]}: there is no such experiment", nearest(unknown[0], [*experiments, *known]))
    if request.only:
        return [n for n in experiments if n in request.only], [n for n in known if n in request.only]
    return members(conf, suitable), known if request.baselines else []


def training_runs(request: Request, names: Sequence[str]) -> list[TrainingRun]:
    """One run a configuration, seed and part of the data; first seeds first, and alone where nothing is drawn.

    Raises:
        KedjaError: an override that training does not know.
    """
    from kedja.training.config.compose import compose
    from kedja.training.config.schema import is_drawn

    runs: list[TrainingRun] = []
    for part, name, point in itertools.product(request.parts(), names, request.points()):
        overrides = [f"experiment={name}", *point, *request.overrides, *part]
        config = compose(overrides)
        if config.seed == request.seeds[0] or is_drawn(config):
            runs.append(TrainingRun(" ".join([name, *point, *part]), overrides, config))
    return runs


def for_kind(
    request: Request, runs: Sequence[TrainingRun], names: Sequence[str], kind: str
) -> tuple[list[TrainingRun], list[str]]:
    """Those of the runs and baselines that take examples of this kind.

    Raises:
        KedjaError: one was named that does not, or none does.
    """
    known = baselines.of_kind(kind)
    fitting = [run for run in runs if kind in find(run.config.model.name).kinds]
    taken = fitting, [name for name in names if name in known]
    left_out = [run.name for run in runs if run not in fitting] + [name for name in names if name not in known]
    if (request.only and left_out) or not any(taken):
        named = f"only={left_out[0]}" if request.only else "none of the experiments"
        raise KedjaError(f"{named} takes examples of kind {kind!r}", f"there are {', '.join(known)}")
    return taken


def data_name(request: Request, runs: Sequence[TrainingRun]) -> str:
    """The data set of the runs; without any, what the overrides name, else training's default.

    Raises:
        KedjaError: one stage has one data set, and these have several.
    """
    from kedja.training.config.compose import compose

    names = sorted({run.config.data.name for run in runs}) or [compose(request.overrides).data.name]
    if len(names) > 1:
        raise KedjaError(
            f"these experiments train on different data sets: {', '.join(names)}",
            "one command for each, or all on one with data=…",
        )
    return str(names[0])


def default_jobs(overrides: Sequence[str] = ()) -> int:
    """One process a GPU where there are any, else one a core: small networks gain little from a second thread."""
    return available() if "device=cpu" in overrides else gpus() or available()


def gpus() -> int:
    """NVIDIA GPUs as their driver counts them; loading torch to ask would take seconds."""
    if shutil.which("nvidia-smi") is None:
        return 0
    answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return sum(line.startswith("GPU ") for line in answer.stdout.splitlines()) if answer.returncode == 0 else 0


def training_tasks(runs: Sequence[TrainingRun], train: str = TRAIN) -> list[Task]:
    """A task a run, in their order; the data set must be there."""
    from kedja.training.config.run_folder import run_directory

    tasks = []
    for run in runs:
        directory = run_directory(run.config)
        tasks.append(Task(run.name, [directory], [train, *run.overrides], _log(directory), warm=True))
    return tasks


def baseline_tasks(request: Request, names: Sequence[str], data: Path, runs: Path) -> list[Task]:
    """One task a baseline, all its seeds in one process: loading scikit-learn costs more than a small fit."""
    from kedja.data.prepared import load

    if not names:
        return []
    dataset = load(data)
    tasks = []
    training: dict[Subset, NDArray[np.int64]] = {}
    for name in names:
        wanted = []
        for seed, subset in baselines.runs_of(name, request.seeds, request.folds):
            if subset not in training:
                part = take(dataset, subset)
                training[subset] = part.labels[part.split("train")]
            if reason := baselines.reason_to_skip(name, training[subset], dataset.classes):
                where = f" in fold {subset.fold}" if subset.folds else ""
                say(f"{name} is skipped{where}: {reason}")
            else:
                wanted.append((seed, subset))
        if not wanted:
            continue
        folders = [
            baselines.directory(runs, name, dataset.name, dataset.hash, seed, subset=part) for seed, part in wanted
        ]
        seeds = ",".join(map(str, request.seeds))
        arguments = [f"name={name}", f"data={dataset.name}", f"seeds={seeds}", f"folds={request.folds}", f"runs={runs}"]
        tasks.append(Task(name, folders, [BASELINE, *arguments], _log(folders[0])))
    return tasks


def unfinished(tasks: Sequence[Task]) -> list[Task]:
    """Those of which a run has no summary yet."""
    return [task for task in tasks if not all(map(is_finished, task.directories))]


def _log(directory: Path) -> Path:
    """Beside the run, not in it: it exists before the run does."""
    return directory.with_name(f"{directory.name}.log")
