from collections.abc import Callable
from pathlib import Path

import pytest

from kedja.experiments.runs import find_runs
from kedja.experiments.trackers.mlflow_store import store
from kedja.experiments.trackers.publish import Settings, publish

pytest.importorskip("mlflow", reason="the group `track` is not installed")
pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its many dependencies warn of each other

MakeRun = Callable[..., Path]


def test_a_run_arrives_with_its_history_and_files(make_run: MakeRun, tmp_path: Path) -> None:
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
    history = client.get_metric_history(found.info.run_id, "val_accuracy")
    assert [point.step for point in history] == [1, 2, 3, 4]
    names = {one.path for one in client.list_artifacts(found.info.run_id)}
    assert names == {"config.json", "summary.json", "metrics.jsonl"}


def test_a_server_that_is_down(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("large")
    settings = Settings(tmp_path / "runs", address="http://127.0.0.1:9")
    outcome = publish("mlflow", find_runs(settings.runs), settings)
    assert outcome.sent == 0
    assert "127.0.0.1" in outcome.problems[0]
