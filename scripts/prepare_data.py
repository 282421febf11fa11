"""Prepare, verify and version a data set."""

from dataclasses import dataclass

from kedja import cli
from kedja.data.ensure import ensure


@dataclass
class Options:
    """Prepare, verify and version a data set.

    just data
    """

    name: str = cli.option("digits", "name of the data set: data/<name>/")


def main(options: Options) -> None:
    print(ensure(options.name))


if __name__ == "__main__":
    cli.run(main, Options)
