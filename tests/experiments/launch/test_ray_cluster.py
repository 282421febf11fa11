"""Experiments on a real Ray cluster of two nodes, one of which is lost; compared with the same on this machine."""

import contextlib
import hashlib
import importlib.util
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.launch.ray_cluster import Cluster
from kedja.runs.read import Run, find_runs, read_metrics, read_run
from support import ray_nodes
from support.processes import gone, wait_for
from support.ray_nodes import Nodes

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "experiments.py"
SMALL = ["only=debug,logistic-regression", "epochs=8", "checkpoint_seconds=0"]
CLOCKS = {"seconds", "images_per_second"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    skip_without_ray()
    with ray_nodes.cluster(workers=1) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def local(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the experiments ran on this machine."""
    folder = tmp_path_factory.mktemp("local")
    (folder / "data").symlink_to(prepared / "data", target_is_directory=True)
    done = experiments(folder, *SMALL, "seeds=0,1")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_lost_node_costs_nothing_but_time(cluster: Nodes, local: Path, workplace: Path) -> None:
    keys = [*SMALL, "seeds=0,1", "executor=ray", f"ray.address={cluster.address}"]
    stage = start(workplace, *keys)
    training, run = wait_for_training_on(cluster.workers[0], workplace)
    switch_off(cluster.workers[0])
    assert gone(training)
    assert not (run / "summary.json").exists()
    epochs_before = read_metrics(run)
    output, errors = stage.communicate(timeout=240)
    assert stage.returncode == 0, output + errors
    assert output.count("done ") == 3
    assert_same_results(workplace, local)
    # It went on from its checkpoint: the first epoch still has the clock of the node that is gone.
    assert read_metrics(run)[0] == epochs_before[0]
    assert not list((workplace / "runs").glob(".*"))
    again = experiments(workplace, *keys)
    assert "all runs are finished" in again.stdout


def test_results_come_back_where_nodes_do_not_share_the_folder(cluster: Nodes, local: Path, workplace: Path) -> None:
    """Also while Ray has not noticed yet that the test before lost a node."""
    keys = [*SMALL, "seeds=1", "executor=ray", f"ray.address={cluster.address}", "ray.shared=false"]
    done = experiments(workplace, *keys)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = workplace.glob("runs/debug-*/seed1")
    assert facts(read_run(run)) == facts(read_run(local / run.relative_to(workplace)))
    assert len(find_runs(workplace / "runs")) == 2
    assert not list((workplace / "runs").rglob(".*"))
    assert "8/8" in run.with_name("seed1.log").read_text()


def test_a_failed_run_brings_its_log(cluster: Nodes, workplace: Path) -> None:
    keys = ["only=debug", "seeds=0", "model.init_from=nowhere.pt", "executor=ray", f"ray.address={cluster.address}"]
    done = experiments(workplace, *keys, "ray.shared=false")
    assert done.returncode == 1
    assert "1 of 1 failed" in done.stderr
    assert "nowhere.pt" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(workplace.glob("runs/*/seed0"))


def test_sigterm_stops_what_runs_on_the_cluster(cluster: Nodes, workplace: Path) -> None:
    keys = ["only=debug", "seeds=0", "epochs=100000", "executor=ray", f"ray.address={cluster.address}"]
    stage = start(workplace, *keys)
    training, _ = wait_for_training_on(cluster.head, workplace)
    stage.send_signal(signal.SIGTERM)
    _, errors = stage.communicate(timeout=120)
    assert stage.returncode == 130, errors
    assert gone(training)


def test_what_no_node_has_is_said_at_once(cluster: Nodes, workplace: Path) -> None:
    done = experiments(workplace, *SMALL, "executor=ray", f"ray.address={cluster.address}", "ray.gpus=1")
    assert done.returncode == 1
    assert "no node of the Ray cluster has 1 CPUs and 1 GPUs" in done.stderr


def test_a_cluster_that_does_not_answer_is_said_at_once(workplace: Path) -> None:
    skip_without_ray()
    with socket.socket() as bound:  # taken, but nobody listens
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
            done = experiments(workplace, *SMALL, "executor=ray", f"ray.address={address}")
            assert done.returncode == 1
            assert f"no Ray cluster answers at ray.address={address}" in done.stderr
            assert "Traceback" not in done.stderr


def test_without_ray_the_remedy_is_named(workplace: Path) -> None:
    hidden = "import sys, runpy; sys.modules['ray'] = None; del sys.argv[0]"
    code = f"{hidden}; runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", code, str(SCRIPT), "only=debug", "executor=ray"]
    done = subprocess.run(command, cwd=workplace, capture_output=True, text=True)
    assert done.returncode == 1
    assert "just env groups=dev,ray" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ray.cpus=2"], "add executor=ray"),
        (["executor=ray", "ray.cpu=2"], "'cpus'"),
        (["executor=ray", "ray.cpus=-1"], "nothing to run on"),
        (["executor=ray", "ray.gpus=1.5"], "whole GPUs"),
    ],
)
def test_mistakes_are_said(workplace: Path, arguments: list[str], said: str) -> None:
    done = experiments(workplace, "only=debug", *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_to_run_on() -> None:
    with pytest.raises(KedjaError):
        Cluster(cpus=0)
    assert Cluster(cpus=0, gpus=0.5).gpus == 0.5


def skip_without_ray() -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: just env groups=dev,ray")


def experiments(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], cwd=folder, capture_output=True, text=True)


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def switch_off(raylet: int) -> None:
    """Everything on the node ends at the same moment, as when its machine loses power."""
    node = psutil.Process(raylet)
    for process in [*reversed(node.children(recursive=True)), node]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def wait_for_training_on(raylet: int, folder: Path) -> tuple[int, Path]:
    """Process and folder of the training on that node, once it can be continued."""
    found: dict[int, Path] = {}

    def look() -> bool:
        for child in psutil.Process(raylet).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                seeds = [word.removeprefix("seed=") for word in child.cmdline() if word.startswith("seed=")]
                for run in folder.glob(f"runs/debug-*/seed{seeds[0]}") if seeds else []:
                    if len(read_metrics(run)) >= 2 and (run / "last.ckpt").is_file():
                        found[child.pid] = run
        return bool(found)

    assert wait_for(look, 240)
    return found.popitem()


def assert_same_results(one: Path, other: Path) -> None:
    """The same runs with the same weights, answers and figures; only clocks may differ."""
    theirs = {run.directory.relative_to(other): run for run in find_runs(other / "runs")}
    ours = {run.directory.relative_to(one): run for run in find_runs(one / "runs")}
    assert list(ours) == list(theirs)
    assert len(ours) == 3
    for name, run in ours.items():
        assert facts(run) == facts(theirs[name])


def facts(run: Run) -> dict[str, Any]:
    summary = json.loads((run.directory / "summary.json").read_text())
    hyperparameters = {k: v for k, v in summary["hyperparameters"].items() if k != "checkpoint_seconds"}
    weights = run.directory / "best.safetensors"
    return {
        "figures": [summary[key] for key in ("experiment", "config_hash", "seed", "validation", "train", "best_epoch")],
        "hyperparameters": hyperparameters,
        "answers": run.predictions().logits.tolist(),
        "epochs": [{k: v for k, v in line.items() if k not in CLOCKS} for line in run.metrics()],
        "weights": hashlib.sha256(weights.read_bytes()).hexdigest() if weights.exists() else None,
    }
