"""What CI runs for a change: lint, licences, tests."""

import subprocess
from dataclasses import dataclass

from kedja import cli
from kedja.common.errors import KedjaError

RECIPES = ("lint", "licences", "test")


@dataclass
class Options:
    """Run what CI runs for a change, one after the other: just lint, just licences, just test."""


def main(options: Options) -> None:
    """The first that fails ends it."""
    for recipe in RECIPES:
        if subprocess.run(["just", recipe], check=False).returncode:
            raise KedjaError(f"`just {recipe}` did not pass", "what it says is above")


if __name__ == "__main__":
    cli.run(main, Options)
