"""MLflow: a local SQLite store by default, a tracking server by address."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedja.experiments.runs import Run
from kedja.experiments.trackers.publish import artifacts, final_figures, parameters

if TYPE_CHECKING:
    from kedja.experiments.trackers.publish import Settings

BATCH = 500


def store(runs: Path) -> str:
    """The local store's address."""
    return f"sqlite:///{(runs / 'mlflow.db').resolve()}"


def publish(run: Run, settings: "Settings") -> str:
    """Parameters, every epoch's metrics, tags, configuration and weights; returns MLflow's run identity."""
    # A server that is down is found out within seconds instead of minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    from mlflow import MlflowClient
    from mlflow.entities import Param, RunTag

    client = MlflowClient(tracking_uri=settings.address or store(settings.runs))
    experiment = _experiment(client, settings.project_of(run), settings)
    name = f"{run.experiment} seed {run.seed}"
    identity = str(client.create_run(experiment, run_name=name).info.run_id)
    tags = [RunTag(key, str(value)) for key, value in {"kind": run.kind, "data": run.data["hash"]}.items()]
    client.log_batch(identity, params=[Param(key, str(value)) for key, value in parameters(run).items()], tags=tags)
    measured = list(_metrics(run))
    for start in range(0, len(measured), BATCH):
        client.log_batch(identity, metrics=measured[start : start + BATCH])
    for path in artifacts(run):
        client.log_artifact(identity, str(path))
    client.set_terminated(identity)
    return identity


def _experiment(client: Any, name: str, settings: "Settings") -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    # A server decides itself where artifacts go.
    local = None if settings.address else (settings.runs / "mlflow-artifacts").resolve().as_uri()
    return str(client.create_experiment(name, artifact_location=local))


def _metrics(run: Run) -> Iterator[Any]:
    from mlflow.entities import Metric

    written = int((run.directory / "summary.json").stat().st_mtime * 1000)
    for line in run.metrics():
        for key, value in line.items():
            if key not in ("epoch", "step") and isinstance(value, int | float):
                yield Metric(key, float(value), written, int(line["epoch"]))
    for key, value in final_figures(run).items():
        yield Metric(key, float(value), written, run.epochs)
