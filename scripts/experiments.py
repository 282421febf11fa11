"""Run every experiment over its seeds, and the baselines; skip what is finished."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kedja import cli
from kedja.bundle.errors import KedjaError
from kedja.experiments import plan
from kedja.experiments.progress import failure_text
from kedja.experiments.stage import run_stage
from kedja.training.config import CONF

SCRIPTS = Path(__file__).resolve().parent


@dataclass
class Options:
    """Run every file of conf/experiment/ (but debug) over the seeds, and the scikit-learn baselines.

    Any other key goes to training, for every run: just experiments data.name=flowers epochs=40.
    grid.<key>=a,b,c runs every value: just experiments only=resnet9 grid.optim.lr=0.01,0.1
    """

    seeds: list[int] = cli.option([0, 1, 2], "one run a configuration and seed")
    only: list[str] = cli.option([], "names of experiments or baselines, instead of all")
    baselines: bool = cli.option(True, "run the scikit-learn baselines too")
    jobs: int | None = cli.option(None, "processes side by side (default: one a core)")
    tracker: Literal["tensorboard", "mlflow", "wandb"] = cli.option(
        "tensorboard", "who else gets the finished runs; every run writes TensorBoard events itself"
    )
    runs: Path = cli.option(Path("runs"), "where runs are written")


def main(arguments: list[str]) -> None:
    own = [field.name for field in dataclasses.fields(Options)]
    mine, overrides, grids = plan.split_arguments(arguments, own)
    options = cli.parse(Options, mine)
    if options.runs != Path("runs"):
        overrides.append(f"runs={options.runs}")
    request = plan.Request(options.seeds, options.only, options.baselines, overrides, grids)
    stage = run_stage(request, CONF, options.runs, SCRIPTS, options.jobs)
    ran = len(stage.outcomes)
    print(f"{ran} ran, {len(stage.tasks) - ran} were finished before\n" if ran else "all runs are finished\n")
    if len(stage.failures) < len(stage.tasks):
        from kedja.experiments.report.text import terminal_table

        print(terminal_table(options.runs, stage.data))
    if options.tracker != "tensorboard":
        send(options)
    if stage.failures:
        texts = "\n  ".join(failure_text(outcome) for outcome in stage.failures)
        raise KedjaError(f"{len(stage.failures)} of {len(stage.outcomes)} failed:\n  {texts}", "the others are kept")


def send(options: Options) -> None:
    """A tracker that is down fails nothing: what it misses is sent by `just track`."""
    try:
        cli.call("track.py", f"tracker={options.tracker}", f"runs={options.runs}")
    except KedjaError as error:
        print(f"{options.tracker}: {error.problem}; `just track tracker={options.tracker}` tries again")


if __name__ == "__main__":
    cli.run_guarded(main)
