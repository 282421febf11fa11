"""Run a run again, and compare code, lock, data and results with its records."""

import dataclasses
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kedja.common.errors import KedjaError
from kedja.common.files import sha256
from kedja.data.prepared import load
from kedja.data.versions.ensure import ensure
from kedja.experiments.analysis.statistics import Interval, mean_accuracy
from kedja.experiments.launch import pool
from kedja.experiments.launch.plan import TRAIN
from kedja.experiments.launch.pool import Task
from kedja.frameworks.registry import find
from kedja.runs.folder import CONFIG
from kedja.runs.read import Run, read_provenance, read_run

IDENTICAL, WITHIN, DIFFERENT = "bit-identical", "within the interval", "different"


@dataclass(frozen=True)
class Check:
    """One thing that a result depends on: as it was, as it is now."""

    name: str
    then: str
    now: str

    @property
    def same(self) -> bool:
        return self.then == self.now


@dataclass(frozen=True)
class Reproduction:
    """The verdict on the results, the accuracy then with its interval over images, and the accuracy now."""

    verdict: str
    then: Interval
    now: float
    folder: Path


def checks(run: Run) -> list[Check]:
    """Data, lock, code, packages and hardware, then against now. Nothing is checked out or changed.

    Raises:
        KedjaError: the run is a baseline's.
    """
    if not find(run.framework).reproduces:
        raise KedjaError(f"{run.directory} is no training run", "reproduce a training run")
    from kedja.runs.provenance import describe

    then = read_provenance(run.directory)
    dataset = load(ensure(run.data["name"]))
    now = describe(run.framework, dataset.facts, "cpu", then["hardware"]["threads"])
    return [
        Check("data", then["data"]["hash"], now["data"]["hash"]),
        Check("lock", str(then["lock_sha256"]), str(now["lock_sha256"])),
        Check("code", _commit(then["git"]), _commit(now["git"])),
        Check("packages", _text(then["versions"]), _text(now["versions"])),
        Check("processor", str(then["hardware"]["cpu"]), str(now["hardware"]["cpu"])),
        Check("device", str(then["hardware"]["device"]), str(now["hardware"]["device"])),
    ]


def reproduce(run: Run, runs: Path) -> Reproduction:
    """Train again with the run's complete configuration, in `runs/reproduced/`, and compare.

    Raises:
        KedjaError: the training fails.
    """
    from kedja.training.config.compose import compose, from_json
    from kedja.training.config.run_folder import run_directory

    config = dataclasses.asdict(from_json(run.directory / CONFIG))
    hardware = read_provenance(run.directory)["hardware"]
    threads, precision = str(hardware["threads"]), hardware.get("precision", config["precision"])
    root = runs / "reproduced"
    # The precision that it had, not what `auto` means here.
    wanted = overrides({**config, "runs": root.as_posix(), "tracker": "none", "precision": precision})
    directory = run_directory(compose(wanted))
    shutil.rmtree(directory, ignore_errors=True)
    log = directory.with_name(f"{directory.name}.log")
    task = Task("reproduction", [directory], [TRAIN, *wanted], log, {"OMP_NUM_THREADS": threads})
    (outcome,) = pool.run_all([task], 1, _Silent())
    if outcome.failed:
        raise KedjaError(f"the training failed: {pool.last_lines(log)}", f"the whole log: {log}")
    return compare_runs(run, read_run(directory))


def compare_runs(run: Run, again: Run) -> Reproduction:
    """Same weights and same answers; else whether the accuracy lies within the first run's interval."""
    first, second = run.predictions(), again.predictions()
    then, now = mean_accuracy(first.correct[None]), again.validation["accuracy"]
    weights = find(run.framework).weights
    same_weights = sha256(run.directory / weights) == sha256(again.directory / weights)
    if same_weights and np.array_equal(first.logits, second.logits):
        verdict = IDENTICAL
    else:
        verdict = WITHIN if then.low <= now <= then.high else DIFFERENT
    return Reproduction(verdict, then, now, again.directory)


class _Silent:
    def started(self, task: Task) -> None: ...

    def ended(self, outcome: pool.Outcome) -> None: ...

    def tick(self, running: Any) -> None: ...


def overrides(config: dict[str, Any]) -> list[str]:
    """Every key of the stored configuration as an override, but those that its components do not have."""
    from kedja.training.config.schema import COMPONENTS, own_keys

    found = []
    for key, value in config.items():
        if not isinstance(value, dict):
            found.append(f"{key}={_literal(value)}")
            continue
        own = ("name", *own_keys(key, value["name"])) if key in COMPONENTS else tuple(value)
        found += [f"{key}.{name}={_literal(one)}" for name, one in value.items() if name in own]
    return found


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{','.join(_literal(one) for one in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _commit(git: dict[str, Any] | None) -> str:
    if not git:
        return "no repository"
    return f"{git['commit']} with changes" if git["dirty"] else str(git["commit"])


def _text(values: dict[str, Any]) -> str:
    text = ", ".join(f"{key} {value}" for key, value in sorted(values.items()))
    return text if len(text) < 200 else hashlib.sha256(text.encode()).hexdigest()
