"""MLflow's pages over the local store."""

import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from kedja import cli
from kedja.bundle.errors import KedjaError
from kedja.experiments.trackers.mlflow_store import store


@dataclass
class Options:
    """Show the runs that `just track tracker=mlflow` has sent to the local store."""

    port: int = cli.option(5000, "where to listen, on this machine only")
    runs: Path = cli.option(Path("runs"), "where the runs are")


def main(options: Options) -> int:
    if find_spec("mlflow") is None:
        raise KedjaError("mlflow is not installed", "install it with `just env groups=dev,track`")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store(options.runs)]
    return subprocess.run([*command, "--host", "127.0.0.1", "--port", str(options.port)], check=False).returncode


if __name__ == "__main__":
    cli.run(main, Options)
