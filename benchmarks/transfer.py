"""What pretraining is worth: a network that starts from another run's weights against the same one from scratch.

    just train experiment=cifar10/speed
    just data source=grocery-train-val.zip name=grocery size=32 label=path:2
    python benchmarks/transfer.py init_from=runs/cifar10-speed-…/seed0 document=docs/training.md

Both arms train with the recipe of the pretraining run and the same budget, each at every rate of `rates`; of each arm
the rate with the best mean validation accuracy counts, so both choose equally often. The gain is that of the same
seeds on the same images; its interval comes from resampling both (`kedja.experiments.analysis.statistics`). Any
other key goes to every run, as in `just experiments`.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.common.errors import KedjaError
from kedja.data.audit.finding import plural
from kedja.experiments.analysis.comparisons import compare
from kedja.experiments.analysis.statistics import Difference, paired_difference
from kedja.experiments.launch import plan
from kedja.experiments.launch.progress import failure_text
from kedja.experiments.launch.stage import run_stage
from kedja.experiments.report.readme import renew
from kedja.runs.folder import CONFIG
from kedja.runs.read import Experiment, group, read_run
from kedja.training.config.compose import CONF, from_json
from kedja.training.config.schema import TrainConfig, own

RECIPE = ("model.", "optim.", "schedule.", "augment.", "loss.")
# The weights to start from are what the arms differ in; small images first is for long runs.
NOT_OF_THE_RECIPE = ("model.init_from", "model.pretrained", "optim.lr", "augment.early_side")
ARMS = {False: "from scratch", True: "pretrained"}


@dataclass
class Options:
    """Compare a network that starts from a run's weights with the same one from scratch."""

    init_from: Path = cli.required("folder of the finished run to start from: runs/cifar10-speed-…/seed0")
    data: str = cli.option("grocery", "prepared data set to learn")
    seeds: list[int] = cli.option([0, 1, 2], "of each arm and rate")
    epochs: int = cli.option(8, "of each run")
    batch_size: int = cli.option(64, "of each run")
    rates: list[float] = cli.option([0.3, 1.0], "shares of the pretraining run's learning rate")
    jobs: int = cli.option(0, "processes side by side; 0: one a core")
    runs: Path = cli.option(Path("runs/transfer"), "where runs are kept; finished ones are not run again")
    document: Path | None = cli.option(None, "document whose part between the results' markers is renewed")


def main(arguments: list[str]) -> None:
    mine, extra, _ = plan.split_arguments(arguments, [field.name for field in dataclasses.fields(Options)])
    options = cli.parse(Options, mine)
    pretraining = from_json(options.init_from / CONFIG)
    stage = run_stage(request(options, pretraining, extra), CONF, options.runs, options.jobs or None)
    if stage.failures:
        texts = "\n  ".join(failure_text(outcome) for outcome in stage.failures)
        raise KedjaError(f"{len(stage.failures)} of {len(stage.outcomes)} failed:\n  {texts}", "the others are kept")
    experiments = group([read_run(folder) for task in stage.tasks for folder in task.directories])
    content = markdown(options, pretraining, experiments)
    print(content)
    if options.document is not None:
        renew(options.document, content)


def request(options: Options, pretraining: TrainConfig, extra: list[str]) -> plan.Request:
    """Both arms at every rate, all else as the pretraining run had it."""
    recipe = {
        key: value for key, value in own(pretraining).items() if key.startswith(RECIPE) and key not in NOT_OF_THE_RECIPE
    }
    target = {
        "data.name": options.data,
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "runs": options.runs,
    }
    overrides = [f"{key}={value}" for key, value in {**recipe, **target}.items()]
    rates = [f"{rate * pretraining.optim.lr:.6g}" for rate in options.rates]
    grids = {"optim.lr": rates, "model.init_from": ["", str(options.init_from)]}
    return plan.Request(options.seeds, ["default"], False, [*overrides, *extra], grids)


def markdown(options: Options, pretraining: TrainConfig, experiments: list[Experiment]) -> str:
    """The table of all arms and rates, and the gain of the best pretrained over the best from scratch."""
    ranked = sorted(experiments, key=lambda one: -one.mean_accuracy)
    rows = [
        f"| {ARMS[is_pretrained(result.experiment)]} | {result.experiment.first.hyperparameters['optim.lr']:g} "
        f"| {result.accuracy.value:.2%} | {result.accuracy.low:.2%} … {result.accuracy.high:.2%} "
        f"| {result.seconds:.0f} |"
        for result in compare(ranked)
    ]
    first = read_run(options.init_from)
    budget = f"{plural(options.epochs, 'epoch')}, batches of {options.batch_size}, {len(options.seeds)} seeds"
    learned = f"{plural(first.epochs, 'epoch')} to {first.validation['accuracy']:.2%} (validation)"
    return "\n".join(
        [
            f"{pretraining.model.name} on `{options.data}`, {budget}; "
            f"pretrained on `{pretraining.data.name}` for {learned}.",
            "",
            "| start | learning rate | validation accuracy | 95 % interval | seconds a run |",
            "| :-- | --: | --: | --: | --: |",
            *rows,
            "",
            verdict(gain(ranked)),
        ]
    )


def gain(ranked: list[Experiment]) -> Difference:
    best = {arm: next(one for one in ranked if is_pretrained(one) == arm) for arm in ARMS}
    return paired_difference(best[True].correct(), best[False].correct())


def verdict(found: Difference) -> str:
    interval = f"{100 * found.value:+.2f} points (95 % interval {100 * found.low:+.2f} … {100 * found.high:+.2f})"
    detectable = "" if found.low > 0 or found.high < 0 else ", which these runs cannot tell from none"
    return f"Gain of pretraining, the best rate of each start: {interval}{detectable}."


def is_pretrained(experiment: Experiment) -> bool:
    return bool(experiment.first.hyperparameters["model.init_from"])


if __name__ == "__main__":
    cli.run_guarded(main)
