"""List the runs, and remove those that nobody refers to."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError
from kedja.common.files import read_json
from kedja.experiments.analysis.select import best_seed
from kedja.experiments.report.text import aligned
from kedja.runs.folder import SUMMARY, is_finished
from kedja.runs.read import Run, find_runs, group, read_metrics

SORTS: dict[str, Callable[[Run], Any]] = {
    "accuracy": lambda run: -run.validation["accuracy"],
    "loss": lambda run: run.validation["loss"],
    "time": lambda run: run.wall_seconds,
    "name": lambda run: (run.experiment, run.config_hash, run.seed),
    "newest": lambda run: -(run.directory / SUMMARY).stat().st_mtime,
}


@dataclass(frozen=True)
class Removal:
    """Folders to remove, why the others stay, and the bytes that removing frees."""

    folders: list[Path]
    kept: dict[Path, str]
    size: int


def listing(runs: Path, match: str = "", data: str | None = None, sort: str = "accuracy") -> list[list[str]]:
    """One row a run: folder, data set, accuracy, loss, epochs, seconds; unfinished ones last, with their progress."""
    finished = sorted((run for run in find_runs(runs, data) if match in run.directory.as_posix()), key=SORTS[sort])
    rows = [
        [
            run.directory.relative_to(runs).as_posix(),
            run.data["name"],
            f"{run.validation['accuracy']:.2%}",
            f"{run.validation['loss']:.4f}",
            str(run.epochs),
            f"{run.wall_seconds:.1f}",
        ]
        for run in finished
    ]
    for folder in unfinished(runs):
        name = folder.relative_to(runs).as_posix()
        if match in name:
            rows.append([name, "", "unfinished", "", str(len(read_metrics(folder))), ""])
    return rows


def unfinished(runs: Path) -> list[Path]:
    """Folders of runs without a summary."""
    return [path for path in sorted(runs.glob("*/seed*")) if path.is_dir() and not is_finished(path)]


def removal(runs: Path, keep: str, bundle: Path, reports: Path) -> Removal:
    """What `keep` leaves over: "best" keeps the best seed of each experiment, "finished" every finished run.

    A run that the bundle or the report's selection names is always kept.
    """
    referenced = _referenced(runs, bundle, reports)
    kept = dict(referenced)
    finished = find_runs(runs)
    for experiment in group(finished):
        for run in experiment.runs if keep == "finished" else [best_seed(experiment)]:
            kept.setdefault(run.directory, "finished" if keep == "finished" else "best seed of its experiment")
    folders = [run.directory for run in finished if run.directory not in kept]
    folders += [folder for folder in unfinished(runs) if folder not in kept]
    return Removal(folders, kept, sum(_size(folder) for folder in folders))


def remove(one: Removal) -> None:
    """Remove the folders, their logs, and the folders of experiments that are empty then."""
    for folder in one.folders:
        shutil.rmtree(folder)
        folder.with_name(f"{folder.name}.log").unlink(missing_ok=True)
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()


def check_sort(sort: str) -> None:
    if sort not in SORTS:
        raise KedjaError(f"sort={sort} is not a choice", f"valid: {', '.join(SORTS)}")


def _referenced(runs: Path, bundle: Path, reports: Path) -> dict[Path, str]:
    """Folder → who refers to it."""
    found: dict[Path, str] = {}
    selection = reports / "selection.json"
    if selection.is_file():
        found[Path(read_json(selection)["run"])] = "selected by the report"
    metadata = bundle / "metadata.json"
    if metadata.is_file():
        found[runs / read_json(metadata)["run"]] = "exported to the bundle"
    return found


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def describe(one: Removal) -> str:
    """What would be removed and what stays, for the question."""
    lines = [f"remove  {folder}" for folder in one.folders]
    lines += [f"keep    {folder} ({why})" for folder, why in sorted(one.kept.items())]
    return "\n".join(lines)


def table(rows: Sequence[Sequence[str]]) -> str:
    header = ["run", "data", "accuracy", "loss", "epochs", "seconds"]
    return aligned([header, *rows])
