"""Search hyper-parameters with Optuna; then check the best settings with fresh seeds against the other experiments."""

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kedja import cli
from kedja.experiments.launch import plan
from kedja.experiments.tuning.search import Search, confirm, search
from kedja.training.config.compose import CONF


@dataclass
class Options:
    """Search hyper-parameters; run it again (also elsewhere, at the same time) to continue the same study.

    Any other key goes to training, for every trial: just tune experiment=default epochs=10.
    space.<key>=low..high, low..high:log or a,b,c varies that key too: just tune space.optim.lr=0.01..1:log
    """

    study: str = cli.option("default", "name of the study")
    space: str = cli.option("default", "a file of conf/tune/: what varies")
    trials: int = cli.option(40, "how many trials the whole study gets, over all workers")
    minutes: float | None = cli.option(None, "how long this worker works at most")
    jobs: int | None = cli.option(None, "trials side by side (default: one a core)")
    objectives: Literal["accuracy", "accuracy,latency"] = cli.option("accuracy", "what counts; two give a front")
    storage: str = cli.option("", "database, for example postgresql+psycopg://user@host/name (default: SQLite)")
    seed: int = cli.option(0, "of the sampler; 0 draws one, which several workers need")
    save: str = cli.option("", "the best settings become conf/experiment/<save>.yaml, an experiment from then on")
    seeds: list[int] = cli.option([1, 2, 3], "fresh seeds that check the best settings")
    runs: Path = cli.option(Path("runs"), "where runs are written")


def main(arguments: list[str]) -> None:
    own = [field.name for field in dataclasses.fields(Options)]
    mine, overrides, space = plan.split_arguments(arguments, own, axis="space.")
    options = cli.parse(Options, mine)
    wanted = Search(
        name=options.study,
        storage=options.storage,
        space_file=CONF / "tune" / f"{options.space}.yaml",
        space={key: ",".join(values) for key, values in space.items()},
        overrides=overrides,
        objectives=options.objectives.split(","),
        trials=options.trials,
        minutes=options.minutes,
        jobs=options.jobs or plan.default_jobs(overrides),
        seed=options.seed,
        runs=options.runs,
    )
    found = search(wanted, print)
    print(found.text())
    if found.best_overrides and found.complete:
        print(confirm(wanted, found, CONF, options.save, options.seeds))
        if not options.save:
            cli.next_step(f"just tune {shlex.join([*arguments, 'save=tuned'])}", "makes these settings an experiment")


if __name__ == "__main__":
    cli.run_guarded(main)
