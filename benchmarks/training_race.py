"""Time to an accuracy: Kedja and its peers on the same images of CIFAR-10, one after the other on the same cores.

Every peer trains by its own documented recipe, named in its file in `benchmarks/training_peers/`. Then Kedja's
experiments run, and what counts is the time at which Kedja's validation accuracy first reaches the peer's last one.
A run of one cycle learns most at its end, so each experiment also runs with fewer epochs, down to one over half
of the training images; the quickest run counts.

Seconds begin with the first batch and hold loading, training and the validation of every epoch; start-up (imports,
reading the images, building) stands beside them. What has finished is kept in `folder` and not run again.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch

from kedja import cli
from kedja.common.errors import KedjaError
from kedja.common.files import read_json, write_json
from kedja.runs.folder import METRICS
from kedja.training.config.compose import compose
from kedja.training.config.run_folder import run_directory

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "benchmarks/training_peers"
PACKAGES = ROOT / ".cache/peers/training"
REPORT = Path("reports/benchmark-training-peers.json")
# A peer is one file.
NAMES = ("pytorch_tutorial", "keras_convnet", "fastai_resnet18")
# What Kedja's experiment is told besides; as it is comes last.
SCHEDULES: tuple[list[str], ...] = (["epochs=1", "data.fraction=0.5"], ["epochs=1"], ["epochs=2"], [])
GOAL = 0.5


@dataclass
class Options:
    """Time until Kedja reaches each peer's accuracy on CIFAR-10, as a ratio to the peer's time."""

    data: str = cli.option(
        "cifar10", "prepared data set: just data source=cifar10-train.zip name=cifar10 fractions=0.9,0.1,0"
    )
    experiments: list[str] = cli.option([], "of Kedja; none given: every conf/experiment/cifar10/speed*.yaml")
    cores: int = cli.option(2, "that every contestant gets")
    folder: Path = cli.option(Path(".cache/race"), "where finished contestants are kept; remove it to start anew")


@dataclass(frozen=True)
class Result:
    """Attributes:
    start_up: seconds before the first batch.
    seconds, processor_seconds: from then on; those of Kedja's processor hold its start-up too.
    curve: seconds and validation accuracy at the end of every epoch.
    """

    name: str
    start_up: float
    seconds: float
    processor_seconds: float
    curve: list[tuple[float, float]]

    @property
    def accuracy(self) -> float:
        return self.curve[-1][1]

    def reaches(self, accuracy: float) -> float | None:
        """Seconds until a validation accuracy was first measured that is as high."""
        return next((seconds for seconds, value in self.curve if value >= accuracy), None)


def main(options: Options) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    folder = options.folder / options.data
    folder.mkdir(parents=True, exist_ok=True)
    experiments = options.experiments or [f"cifar10/{file.stem}" for file in _speed_files()]
    peers = [_kept(folder, name, partial(run_peer, name, options.data, folder)) for name in NAMES]
    ours = [
        _kept(
            folder,
            _variant(experiment, schedule),
            partial(run_kedja, experiment, schedule, options.data, folder),
        )
        for experiment in experiments
        for schedule in SCHEDULES
    ]
    print(f"\n{platform.processor() or platform.machine()}, {options.cores} cores, torch {torch.__version__}, CPU")
    print_results(peers, ours)
    write_json(REPORT, {"peers": [asdict(peer) for peer in peers], "kedja": [asdict(run) for run in ours]})
    print(f"\nwritten to {REPORT}")


def _speed_files() -> list[Path]:
    return sorted((ROOT / "conf/experiment/cifar10").glob("speed*.yaml"))


def _variant(experiment: str, schedule: list[str]) -> str:
    return " ".join(["kedja", experiment.rpartition("/")[2], *schedule])


def _kept(folder: Path, name: str, run: Callable[[], Result]) -> Result:
    file = folder / f"{name.replace(' ', '-')}.json"
    if not file.is_file():
        print(f"{name} …", flush=True)
        write_json(file, asdict(run()))
    stored = read_json(file)
    return Result(**{**stored, "curve": [tuple(point) for point in stored["curve"]]})


def run_peer(name: str, data: str, folder: Path) -> Result:
    install()
    journal = folder / f"{name}.jsonl"
    journal.unlink(missing_ok=True)
    own = {"KERAS_BACKEND": "torch", "KERAS_HOME": str(PACKAGES.parent), "FASTAI_HOME": str(PACKAGES.parent)}
    environment = {**os.environ, **own, "PYTHONPATH": str(PACKAGES)}
    command = [sys.executable, str(PEERS / f"{name}.py"), f"data/{data}", str(journal), str(time.time())]
    if subprocess.run(command, env=environment, check=False).returncode:
        raise KedjaError(f"the peer {name} failed; what it said stands above", "the others' results are kept")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    last = lines[-1]
    curve = [(line["seconds"], line["accuracy"]) for line in lines]
    return Result(name, last["start_up"], last["seconds"], last["processor_seconds"], curve)


def install() -> None:
    """The peers' packages beside the project's environment, so that all run on the same PyTorch."""
    if PACKAGES.is_dir():
        return
    uv = shutil.which("uv", path=os.pathsep.join([str(ROOT / ".tools/bin"), os.environ.get("PATH", "")]))
    if uv is None:
        raise KedjaError("uv is not there, which installs the peers", "just env")
    fresh = PACKAGES.with_name(f"{PACKAGES.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    into = ["--quiet", "--python", sys.executable, "--target", str(fresh), "--no-deps"]
    subprocess.run([uv, "pip", "install", *into, "-r", PEERS / "requirements.txt"], check=True)
    fresh.rename(PACKAGES)


def run_kedja(experiment: str, schedule: list[str], data: str, folder: Path) -> Result:
    runs = folder / "runs"
    overrides = [f"experiment={experiment}", f"data.name={data}", f"runs={runs}", *schedule]
    directory = run_directory(compose(overrides))
    # Begun and interrupted: a continued run would have been measured in two parts.
    shutil.rmtree(directory, ignore_errors=True)
    started, spent = time.perf_counter(), _spent_by_children()
    command = [sys.executable, str(ROOT / "scripts/train.py"), *overrides]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        raise KedjaError(f"the run of {experiment} failed; what it said stands above")
    whole, processor = time.perf_counter() - started, _spent_by_children() - spent
    lines = [json.loads(line) for line in (directory / METRICS).read_text().splitlines()]
    curve = [(line["seconds"], line["val_accuracy"]) for line in lines]
    seconds = curve[-1][0]
    return Result(_variant(experiment, schedule), whole - seconds, seconds, processor, curve)


def _spent_by_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def print_results(peers: list[Result], ours: list[Result]) -> None:
    print(f"\n{'contestant':<46} {'epochs':>6} {'seconds':>8} {'start-up':>9} {'processor s':>12} {'val accuracy':>13}")
    for result in (*peers, *ours):
        print(
            f"{result.name:<46} {len(result.curve):>6} {result.seconds:>8.1f} {result.start_up:>9.1f} "
            f"{result.processor_seconds:>12.1f} {result.accuracy:>13.2%}"
        )
    print("(processor seconds of the peers from the first batch on, of Kedja from the start of the process on)")
    print(f"\nKedja to each peer's accuracy (goal: at most {GOAL:g} of its time)")
    for peer in peers:
        reached = [(seconds, run.name) for run in ours if (seconds := run.reaches(peer.accuracy)) is not None]
        if not reached:
            print(f"  {peer.name:<20} {peer.accuracy:.2%} in {peer.seconds:6.1f} s: not reached")
            continue
        seconds, name = min(reached)
        ratio = seconds / peer.seconds
        verdict = "reached" if ratio <= GOAL else "missed"
        print(
            f"  {peer.name:<20} {peer.accuracy:.2%} in {peer.seconds:6.1f} s: {seconds:6.1f} s ({name}), "
            f"ratio {ratio:.2f}, goal {verdict}"
        )
