"""TensorBoard over the runs."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from kedja import cli


@dataclass
class Options:
    """Show the curves of the runs in TensorBoard, also while they go on."""

    port: int = cli.option(6006, "where to listen, on this machine only")
    runs: Path = cli.option(Path("runs"), "where the runs are")


def main(options: Options) -> None:
    """TensorBoard takes this process's place, so that it gets the signals."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(options.runs)]
    os.execv(sys.executable, [*command, "--host", "127.0.0.1", "--port", str(options.port)])  # noqa: S606 - our own program


if __name__ == "__main__":
    cli.run(main, Options)
