"""Run a run again and compare."""

from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.common.errors import KedjaError


@dataclass
class Options:
    """Compare code, lock and data with those of a run, run it again, and compare the results.

    just reproduce run=runs/resnet9-0ec2a554/seed1
    """

    run: Path = cli.required("the run's folder")
    runs: Path = cli.option(Path("runs"), "the new run goes to reproduced/ in this folder")


def main(options: Options) -> None:
    from kedja.experiments.reproduce import DIFFERENT, checks, reproduce
    from kedja.runs.read import read_run

    run = read_run(options.run)
    for check in checks(run):
        print(f"{check.name:10} {'same' if check.same else f'then {check.then}, now {check.now}'}")
    print("training again …", flush=True)
    result = reproduce(run, options.runs)
    then = f"{result.then.value:.2%} ({result.then.low:.2%} to {result.then.high:.2%})"
    print(f"{result.verdict}: {then} then, {result.now:.2%} now, {result.folder}")
    if result.verdict == DIFFERENT:
        raise KedjaError(f"{options.run} was not reproduced", "what differs above says where to look")


if __name__ == "__main__":
    cli.run(main, Options)
