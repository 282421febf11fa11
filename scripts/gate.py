"""Judge the other jobs of a workflow: `just gate`."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))  # nothing is installed for this job

from kedja import cli
from kedja.delivery import gate


@dataclass
class Options:
    """just gate: fail unless every job in the variable NEEDS (GitHub's `needs` context as JSON) went well."""

    may_skip: list[str] = cli.option([], "jobs that may be left out", metavar="job,…")


def main(options: Options) -> None:
    """One line a job."""
    print("\n".join(gate.check(os.environ.get("NEEDS", ""), options.may_skip)))


if __name__ == "__main__":
    cli.run(main, Options)
