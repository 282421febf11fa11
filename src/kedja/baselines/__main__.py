"""Fit one scikit-learn baseline: `python -m kedja.baselines name=svm`, as `just experiments` does once a baseline."""

from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.baselines import registry as baselines
from kedja.data.versions.ensure import ensure
from kedja.runs.folder import is_finished


@dataclass
class Options:
    """Fit one scikit-learn baseline: every point of its grid on train, the best on val."""

    name: str = cli.option("svm", "which one", metavar="|".join(baselines.BASELINES))
    data: str = cli.option("digits", "name of the prepared data set", metavar="name")
    seeds: list[int] = cli.option([0], "one run a seed; the first alone where the result does not depend on it")
    folds: int = cli.option(0, "also cross-validate: one more run a fold, of the first seed; 0 is off")
    runs: Path = cli.option(Path("runs"), "where runs are written")


def main(options: Options) -> None:
    """Fit the runs that are missing."""
    baselines.find(options.name)
    folder = ensure(options.data)
    from kedja.baselines import fit
    from kedja.data.prepared import load
    from kedja.runs.read import read_run

    dataset = load(folder)
    for seed, subset in baselines.runs_of(options.name, options.seeds, options.folds):
        directory = baselines.directory(options.runs, options.name, dataset.name, dataset.hash, seed, subset=subset)
        if is_finished(directory):
            pass
        elif reason := fit.reason_to_skip(baselines.Choice(options.name, seed, subset), dataset):
            print(f"{directory}: skipped: {reason}")
            continue
        else:
            fit.fit(baselines.Choice(options.name, seed, subset), dataset, directory)
        print(f"{directory}: {read_run(directory).validation['accuracy']:.2%} on the validation split")


def run() -> None:
    """`main` as a command of its own."""
    cli.run(main, Options)


if __name__ == "__main__":
    run()
