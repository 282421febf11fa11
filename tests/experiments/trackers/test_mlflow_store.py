import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import httpx
import numpy as np
import pytest

from kedja.data.prepared import load
from kedja.experiments.trackers.mlflow_store import store
from kedja.experiments.trackers.publish import publish
from kedja.experiments.trackers.tracker import Settings
from kedja.frameworks.registry import find
from kedja.runs.read import Run, find_runs
from kedja.runs.write import write_config, write_provenance
from kedja.training.config.schema import TrainConfig
from support.processes import wait_for

pytest.importorskip("mlflow", reason="the group `track` is not installed")
pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its many dependencies warn of each other

MakeRun = Callable[..., Path]
TRAIN = Path(__file__).parents[3] / "scripts" / "train.py"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A tracking server of its own, as `mlflow server` starts one; its address."""
    places = [
        "--backend-store-uri",
        f"sqlite:///{tmp_path}/server.db",
        "--artifacts-destination",
        str(tmp_path / "kept"),
    ]
    command = [sys.executable, "-m", "mlflow", "server", "--port", "0", "--workers", "1", *places]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        yield address_in(tmp_path / "server.log", process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


def address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Where it says that it listens, once it has bound a port."""

    def said() -> re.Match[str] | None:
        return re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text(errors="replace"))

    assert wait_for(lambda: said() is not None or process.poll() is not None, 300)
    found = said()
    assert found, log.read_text(errors="replace")
    return found[1]


STOOD_IN = """
import json, sys, time
from pathlib import Path
from kedja.experiments.trackers.live import live
from kedja.experiments.trackers.tracker import Settings
from kedja.runs.write import write_config
from kedja.training.config.schema import TrainConfig

run, address, epochs = Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
(run / "metrics.jsonl").write_text("")
with live(["mlflow"], run, Settings(run.parents[1], address, "mine")):
    for epoch in epochs:
        with (run / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"epoch": int(epoch), "val_loss": 1 / int(epoch)}) + "\\n")
    if sys.argv[4] == "hang":
        time.sleep(600)
    (run / "later.json").rename(run / "summary.json")
"""


def training(run: Path, address: str, epochs: str, then: str) -> subprocess.Popen[bytes]:
    """A process that writes a run's folder as training does, and ends or hangs."""
    return subprocess.Popen([sys.executable, "-c", STOOD_IN, str(run), address, epochs, then], stdout=subprocess.PIPE)


def begun(make_run: MakeRun) -> Path:
    """A run's folder as it is before the first epoch; `later.json` is its summary to be."""
    run = make_run("large", seed=2, epochs=5)
    (run / "summary.json").rename(run / "later.json")
    write_config(run, asdict(TrainConfig(experiment="large", seed=2)))
    write_provenance(run, {"framework": "torch", "data": {"name": "shapes", "hash": "d0"}})
    return run


def test_a_killed_and_continued_run_is_one_run_at_a_real_server(server: str, make_run: MakeRun) -> None:
    from mlflow import MlflowClient

    client, directory = MlflowClient(server), begun(make_run)
    killed = training(directory, server, "1,2,3", "hang")
    try:
        assert wait_for(lambda: client.get_experiment_by_name("mine") is not None, 120)
        experiment = client.get_experiment_by_name("mine")
        assert wait_for(
            lambda: any("val_loss" in one.data.metrics for one in client.search_runs([experiment.experiment_id])), 120
        )
        found = client.search_runs([experiment.experiment_id])
        assert found[0].info.status == "RUNNING"
    finally:
        killed.kill()
        killed.communicate(timeout=60)
    assert wait_for(lambda: client.get_run(found[0].info.run_id).info.status != "RUNNING", 60)
    assert client.get_run(found[0].info.run_id).info.status == "KILLED"

    out, _ = training(directory, server, "1,2,3,4,5", "end").communicate(timeout=120)
    assert out == b""
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_id == found[0].info.run_id
    assert run.info.status == "FINISHED"
    assert [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")] == [1, 2, 3, 4, 5]
    assert "summary.json" in {one.path for one in client.list_artifacts(run.info.run_id)}


def test_training_feeds_the_local_store_and_tensorboard(workplace: Path) -> None:
    from mlflow import MlflowClient
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    command = [sys.executable, str(TRAIN), "experiment=debug", "tracker=tensorboard,mlflow"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert "mlflow" not in done.stdout
    (run,) = find_runs(Path("runs"))
    client = MlflowClient(store(Path("runs")))
    (found,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.params["model.width"] == "0.25"
    assert found.data.metrics["validation_accuracy"] == run.validation["accuracy"]
    history = [point.value for point in client.get_metric_history(found.info.run_id, "val_loss")]
    assert history == [line["val_loss"] for line in run.metrics()]
    assert "best.safetensors" in {one.path for one in client.list_artifacts(found.info.run_id)}
    events = EventAccumulator(str(run.directory / "tensorboard")).Reload()
    np.testing.assert_allclose([event.value for event in events.Scalars("1 loss/validation")], history, rtol=1e-6)


@pytest.fixture
def trained(workplace: Path) -> Run:
    """A run of a small network on the digits, and sent to the local store."""
    command = [sys.executable, str(TRAIN), "experiment=debug", "tracker=none"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    (run,) = find_runs(Path("runs"))
    assert publish("mlflow", [run], Settings(Path("runs"))).problems == []
    return run


def test_a_run_sent_afterwards_took_as_long_as_it_took_and_names_its_data(trained: Run) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(store(Path("runs")))
    (found,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert found.info.end_time - found.info.start_time == pytest.approx(1000 * trained.wall_seconds, abs=2)
    (used,) = found.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("digits", trained.data["hash"])
    stamps = [point.timestamp for point in client.get_metric_history(found.info.run_id, "val_loss")]
    seconds = [line["seconds"] for line in trained.metrics()]
    assert [stamp - found.info.start_time for stamp in stamps] == pytest.approx([1000 * one for one in seconds], abs=2)


def test_mlflow_serves_the_model_with_equal_predictions(trained: Run, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(store(Path("runs")))
    (found,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--port", str(port)]
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": store(Path("runs")),
        # It starts uvicorn by its name.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with (tmp_path / "serve.log").open("wb") as log:
        command += ["--model-uri", f"runs:/{found.info.run_id}/model"]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        address = f"http://127.0.0.1:{port}"
        assert wait_for(lambda: process.poll() is not None or is_up(f"{address}/ping"), 300)
        data = load(Path("data/digits"))
        pixels = data.pixels(data.split("val"))
        answer = httpx.post(f"{address}/invocations", json={"inputs": {"image": pixels.tolist()}}, timeout=60)
        assert answer.status_code == 200, answer.text
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
    own = find(trained.framework).load(trained.directory)(data.spec.feed(pixels))
    np.testing.assert_allclose(answer.json()["predictions"]["logits"], own, atol=1e-4)


def is_up(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).is_success
    except httpx.TransportError:
        return False


def test_a_finished_run_arrives_with_its_history_and_files(make_run: MakeRun, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    make_run("large", seed=2, epochs=4)
    runs = tmp_path / "runs"
    assert publish("mlflow", find_runs(runs), Settings(runs)).problems == []
    client = MlflowClient(store(runs))
    (found,) = client.search_runs([client.get_experiment_by_name("shapes").experiment_id])
    assert found.info.run_name == "large seed 2"
    assert found.info.status == "FINISHED"
    assert found.data.params["optim.lr"] == "0.1"
    assert found.data.metrics["validation_accuracy"] == 1.0
    assert [point.step for point in client.get_metric_history(found.info.run_id, "val_accuracy")] == [1, 2, 3, 4]
    assert {one.path for one in client.list_artifacts(found.info.run_id)} == {
        "config.json",
        "summary.json",
        "metrics.jsonl",
    }


def test_a_run_that_the_store_has_lost_is_made_anew(make_run: MakeRun, tmp_path: Path) -> None:
    """Somebody removed `runs/mlflow.db` while a run went on."""
    run = make_run("large", epochs=2)
    record = {"local": {"identity": "0" * 32, "epochs": 2, "finished": False}}
    (run / "tracked-mlflow.json").write_text(json.dumps(record))
    runs = tmp_path / "runs"
    assert publish("mlflow", find_runs(runs), Settings(runs)).problems == []
    sent = json.loads((run / "tracked-mlflow.json").read_text())["local"]
    assert sent["identity"] != "0" * 32
    assert sent["finished"]


def test_a_server_that_is_down(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("large")
    settings = Settings(tmp_path / "runs", address="http://127.0.0.1:9")
    outcome = publish("mlflow", find_runs(settings.runs), settings)
    assert outcome.sent == 0
    assert "127.0.0.1" in outcome.problems[0]


def test_the_pages_can_ask_their_server() -> None:
    """MLflow loads this only when a page asks; with another graphene than it means, every page shows an error."""
    from mlflow.server.graphql.graphql_schema_extensions import schema

    assert "mlflowGetExperiment" in str(schema)
