"""Show MLflow's pages over the local store."""

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from kedja import cli
from kedja.common.errors import KedjaError
from kedja.experiments.trackers.mlflow_store import store


@dataclass
class Options:
    """Show the runs in the local store, which `just train tracker=mlflow` and `just track` fill."""

    port: int = cli.option(5000, "where to listen, on this machine only")
    runs: Path = cli.option(Path("runs"), "where the runs are")


def main(options: Options) -> None:
    if find_spec("mlflow") is None:
        raise KedjaError("mlflow is not installed", "install it with `just env groups=dev,track`")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store(options.runs)]
    # Looking at runs needs neither four servers nor MLflow's own job queue.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing here reports to anybody
    command += ["--workers", "1"]
    # MLflow takes this process's place, so that it gets the signals.
    os.execv(sys.executable, [*command, "--host", "127.0.0.1", "--port", str(options.port)])  # noqa: S606 - our own program


if __name__ == "__main__":
    cli.run(main, Options)
