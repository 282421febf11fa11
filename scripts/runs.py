"""List the runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kedja import cli
from kedja.experiments import housekeeping


@dataclass
class Options:
    """List the runs: just runs match=resnet9 sort=time."""

    match: str = cli.option("", "only runs with this in their folder's name")
    data: str | None = cli.data_set(None, "only runs on this data set")
    sort: Literal["accuracy", "loss", "time", "name", "newest"] = cli.option("accuracy", "the order, best first")
    runs: Path = cli.option(Path("runs"), "where the runs are")


def main(options: Options) -> None:
    print(housekeeping.table(housekeeping.listing(options.runs, options.match, options.data, options.sort)))


if __name__ == "__main__":
    cli.run(main, Options)
