"""Run every experiment over its seeds, and the baselines; skip what is finished."""

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kedja import cli
from kedja.common.errors import KedjaError
from kedja.experiments.launch import plan
from kedja.experiments.launch.progress import failure_text
from kedja.experiments.launch.ray_cluster import Cluster
from kedja.experiments.launch.stage import run_stage
from kedja.experiments.trackers.tracker import check_names
from kedja.runs.read import remember
from kedja.training.config.compose import CONF
from kedja.training.config.schema import TENSORBOARD

PASSED_ON = ("runs", "tracker", "tracker_address", "tracker_project")
RAY = "ray."
PAGE = Path("reports/report.html")


@dataclass
class Options:
    """Run the experiments that suit the data (a folder of conf/experiment/) over the seeds, and the baselines.

    Any other key goes to training, for every run: just experiments data=flowers epochs=40.
    grid.<key>=a,b,c runs every value: just experiments only=resnet9 grid.optim.lr=0.01,0.1
    """

    seeds: list[int] = cli.option([0, 1, 2], "one run a configuration and seed")
    set: str = cli.option(
        "", "digits, photos, …: the folder of conf/experiment/ to run; by default what suits the data", metavar="name"
    )
    only: list[str] = cli.option([], "names of experiments or baselines, instead of all")
    baselines: bool = cli.option(True, "run the scikit-learn baselines too")
    cv: int = cli.option(0, "cross-validate every configuration and baseline over this many folds too", metavar="folds")
    learning_curve: bool = cli.option(
        False, "then train the best network on shares of the images: what would more bring?"
    )
    minutes: float = cli.option(
        0, "spend about so many on what is most promising, and say what was cut; 0 runs everything"
    )
    jobs: int | None = cli.option(None, "processes side by side (default: one a core)")
    tracker: str = cli.option(
        TENSORBOARD, "who gets the runs while they go on: tensorboard, mlflow, wandb, several, none"
    )
    tracker_address: str = cli.option(
        "", "MLflow's or W&B's server (default: a local store under runs/)", metavar="url"
    )
    tracker_project: str = cli.option("", "what MLflow or W&B files them under (default: the data set's name)")
    runs: Path = cli.option(Path("runs"), "where runs are written")
    executor: Literal["local", "ray"] = cli.option(
        "local", "ray: on a Ray cluster (ray.address=, ray.cpus=, ray.gpus=, ray.retries=, ray.shared=)"
    )


def main(arguments: list[str]) -> None:
    """Run what is not finished, and say what came out."""
    options, request, of_ray = read(arguments)
    on = cluster(options, of_ray)
    stage = run_stage(
        request, CONF, options.runs, options.jobs, cluster=on, after=renew(options), minutes=options.minutes
    )
    ran = len(stage.outcomes)
    before = len(stage.tasks) - len(plan.unfinished(stage.tasks)) - (ran - len(stage.failures))
    print(f"{ran} ran, {before} were finished before\n" if ran else "all runs are finished\n")
    if len(stage.failures) < len(stage.tasks):
        from kedja.experiments.report.text import terminal_table

        print(terminal_table(options.runs, stage.data))
        if options.learning_curve:
            print_learning_curve(options, stage.data)
        if options.cv:
            print_folds(options.runs, stage.data)
    if stage.cut:
        print("\nnot done within the minutes given; without minutes= everything runs:\n  " + "\n  ".join(stage.cut))
    send_the_rest(options)
    if stage.failures:
        texts = "\n  ".join(failure_text(outcome) for outcome in stage.failures)
        raise KedjaError(f"{len(stage.failures)} of {len(stage.outcomes)} failed:\n  {texts}", "the others are kept")
    remember(options.runs, stage.data)
    cli.next_step(f"just report data={stage.data}")


def read(arguments: list[str]) -> tuple[Options, plan.Request, list[str]]:
    """Own options, what they ask for, and the keys of a Ray cluster."""
    own = [field.name for field in dataclasses.fields(Options)]
    of_ray = [argument for argument in arguments if argument.startswith(RAY)]
    mine, overrides, grids = plan.split_arguments([one for one in arguments if one not in of_ray], own)
    options = cli.parse(Options, mine)
    check_names(options.tracker.split(","))
    overrides += [
        f"{key}={getattr(options, key)}" for key in PASSED_ON if getattr(options, key) != getattr(Options(), key)
    ]
    request = plan.Request(
        options.seeds, options.only, options.baselines, overrides, grids, options.cv, set=options.set
    )
    return options, request, of_ray


def renew(options: Options) -> Callable[[str], None]:
    """Renews the page of the report, as far as there is something to show; reads no test split."""

    def after(data: str) -> None:
        from kedja.experiments.report.watch import preview

        with contextlib.suppress(KedjaError):
            preview(options.runs, PAGE, data)

    return after


def cluster(options: Options, arguments: list[str]) -> Cluster | None:
    """What the keys `ray.…` say, where the runs go to a cluster."""
    if options.executor == "ray":
        return cli.parse(Cluster, [argument.removeprefix(RAY) for argument in arguments])
    if arguments:
        raise KedjaError(f"{arguments[0]} is for a Ray cluster", "add executor=ray")
    return None


def print_folds(runs: Path, data: str) -> None:
    """What the folds say, of the configurations that have finished them all."""
    from kedja.experiments.analysis.cross_validation import cross_validate
    from kedja.experiments.report import folds

    results = cross_validate(runs, data)
    if results:
        print("\n" + folds.terminal(results))


def print_learning_curve(options: Options, data: str) -> None:
    """Train the best network on shares of the training images, and say what more of them would bring."""
    from kedja.data.prepared import load
    from kedja.data.versions.ensure import ensure
    from kedja.experiments.analysis.learning_curve import learning_curve, request
    from kedja.experiments.analysis.select import best_run
    from kedja.experiments.report.more_data import sentence
    from kedja.runs.read import read_run

    wanted = request(read_run(best_run(options.runs, data)), options.seeds)
    run_stage(wanted, CONF, options.runs, options.jobs)
    curve = learning_curve(options.runs, load(ensure(data)))
    if curve:
        print("\n" + sentence(curve).replace("**", ""))


def send_the_rest(options: Options) -> None:
    """Baselines, and what a tracker that was down for a while did not get; one that still is down fails nothing."""
    for name in {"mlflow", "wandb"} & set(options.tracker.split(",")):
        try:
            where = (f"address={options.tracker_address}", f"project={options.tracker_project}")
            cli.call("kedja.experiments.trackers", f"tracker={name}", f"runs={options.runs}", *where)
        except KedjaError as error:
            print(f"{name}: {error.problem}; `just track tracker={name}` tries again")


def run() -> None:
    """`main` as a command of its own."""
    cli.run_guarded(main)


if __name__ == "__main__":
    run()
