"""Send finished runs to MLflow or Weights & Biases."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kedja import cli
from kedja.common.errors import KedjaError
from kedja.experiments.trackers.publish import publish
from kedja.experiments.trackers.tracker import Settings
from kedja.runs.read import find_runs


@dataclass
class Options:
    """Send what the tracker lacks of the finished runs: just track tracker=mlflow.

    `just train tracker=mlflow` does so while the run goes on.
    For TensorBoard there is nothing to send, it reads the runs' folders: tensorboard --logdir runs
    """

    tracker: Literal["mlflow", "wandb"] = cli.option("mlflow", "which")
    address: str = cli.option("", "its server (default: a local store under runs/)", metavar="url")
    project: str = cli.option("", "what the runs are filed under (default: the data set's name)")
    match: str = cli.option("", "only runs with this in their folder's name")
    runs: Path = cli.option(Path("runs"), "where the runs are")


def main(options: Options) -> None:
    """Send them, and say what was not sent."""
    runs = [run for run in find_runs(options.runs) if options.match in run.directory.as_posix()]
    outcome = publish(options.tracker, runs, Settings(options.runs, options.address, options.project))
    print(f"{options.tracker}: runs sent: {outcome.sent}, there before: {outcome.present}")
    if outcome.problems:
        problems = "\n  ".join(outcome.problems)
        raise KedjaError(f"{len(outcome.problems)} runs were not sent:\n  {problems}", "the runs are kept; try again")


def run() -> None:
    """`main` as a command of its own."""
    cli.run(main, Options)


if __name__ == "__main__":
    run()
