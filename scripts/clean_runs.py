"""Remove runs that nobody refers to, after asking."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kedja import cli
from kedja.common.errors import KedjaError
from kedja.common.outside import printable
from kedja.experiments import housekeeping


@dataclass
class Options:
    """Remove runs, after asking; the exported run and the one that the report selected always stay."""

    keep: Literal["best", "finished"] = cli.option("best", "the best seed of each experiment, or every finished run")
    yes: bool = cli.option(False, "do not ask")
    runs: Path = cli.option(Path("runs"), "where the runs are")
    bundle: Path = cli.option(Path("bundle"), "whose run stays")
    reports: Path = cli.option(Path("reports"), "whose selection stays")


def main(options: Options) -> None:
    removal = housekeeping.removal(options.runs, options.keep, options.bundle, options.reports)
    if not removal.folders:
        print("nothing to remove")
        return
    print(printable(housekeeping.describe(removal)))
    question = f"Remove {len(removal.folders)} runs ({removal.size / 1e6:.1f} MB)?"
    if not options.yes and not confirmed(question):
        print("nothing removed")
        return
    housekeeping.remove(removal)
    print(f"{len(removal.folders)} runs removed")


def confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise KedjaError(f"{question} There is no terminal to ask on", "say yes=true")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


if __name__ == "__main__":
    cli.run(main, Options)
