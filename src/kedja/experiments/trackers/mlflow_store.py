"""MLflow: a local SQLite store by default, a tracking server by address."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedja.common.files import read_json
from kedja.experiments.trackers import mlflow_model
from kedja.experiments.trackers.tracker import Settings, artifacts, final_figures, settings_of, title
from kedja.runs.folder import SUMMARY, is_finished
from kedja.runs.read import Begun, Run

BATCH = 500  # metrics in one request; the server takes 1,000
UNSENT = ("epoch", "step")
LONGEST_DIGEST = 36  # of a data set


def store(runs: Path) -> str:
    """The local store's address."""
    return f"sqlite:///{(runs / 'mlflow.db').resolve()}"


def start(run: Begun, settings: Settings, identity: str | None) -> "MlflowRun":
    """Create the run with its parameters, or open the one that has `identity`."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing here reports to anybody
    # A server that is down is found out within seconds instead of minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=settings.address or store(settings.runs))
    if identity is None or not _exists(client, identity):
        began = _began(run.directory)
        return MlflowRun(client, _create(client, run, settings, began), began)
    client.update_run(identity, status="RUNNING")
    return MlflowRun(client, identity, client.get_run(identity).info.start_time)


class MlflowRun:
    """A run at MLflow; `began`: when training did, in milliseconds since 1970, as MLflow counts."""

    def __init__(self, client: Any, identity: str, began: int) -> None:
        self._client, self.identity, self._began = client, identity, began

    def epochs(self, lines: Sequence[dict[str, Any]]) -> None:
        from mlflow.entities import Metric

        # Training's own clock: epochs that are sent together did not happen together.
        metrics = [
            Metric(key, float(value), self._after(line.get("seconds", 0)), int(line["epoch"]))
            for line in lines
            for key, value in line.items()
            if key not in UNSENT
        ]
        for first in range(0, len(metrics), BATCH):
            self._client.log_batch(self.identity, metrics=metrics[first : first + BATCH])

    def finish(self, run: Run) -> None:
        for key, value in final_figures(run).items():
            self._client.log_metric(self.identity, key, float(value), step=run.epochs)
        for path in artifacts(run):
            self._client.log_artifact(self.identity, str(path))
        with mlflow_model.written(run) as model:
            if model is not None:
                self._client.log_artifacts(self.identity, str(model), mlflow_model.NAME)
        # As long as training took, not as long as it took to send it.
        self._client.set_terminated(self.identity, end_time=self._after(run.wall_seconds))

    def _after(self, seconds: float) -> int:
        return self._began + round(1000 * seconds)

    def interrupt(self) -> None:
        self._client.set_terminated(self.identity, "KILLED")


def _now() -> int:
    return int(1000 * time.time())


def _began(directory: Path) -> int:
    """When training began: now, or, of a run that has finished, as long before its end as it took."""
    if not is_finished(directory):
        return _now()
    ended = (directory / SUMMARY).stat().st_mtime
    return int(1000 * (ended - read_json(directory / SUMMARY)["wall_seconds"]))


def _create(client: Any, run: Begun, settings: Settings, began: int) -> str:
    from mlflow.entities import Param, RunTag

    experiment = _experiment(client, settings.project_of(run), settings)
    identity = str(client.create_run(experiment, run_name=title(run), start_time=began).info.run_id)
    tags = [RunTag("framework", run.framework), RunTag("data", run.data["hash"])]
    client.log_batch(identity, params=[Param(key, str(value)) for key, value in settings_of(run).items()], tags=tags)
    client.log_inputs(identity, datasets=[_data_set(run)])
    return identity


def _data_set(run: Begun) -> Any:
    """What the run was trained on, by name and version."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    name, digest = run.data["name"], run.data["hash"]
    source = json.dumps({"uri": f"data/{name}", "version": digest})
    used = Dataset(name, digest[:LONGEST_DIGEST], "local", source)
    return DatasetInput(used, [InputTag("mlflow.data.context", "training")])


def _experiment(client: Any, name: str, settings: Settings) -> str:
    from mlflow import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        # A server decides itself where artifacts go.
        local = None if settings.address else (settings.runs / "mlflow-artifacts").resolve().as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=local))
        except MlflowException:  # another run was faster
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _exists(client: Any, identity: str) -> bool:
    from mlflow import MlflowException

    try:
        client.get_run(identity)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    return True
