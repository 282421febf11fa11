"""Make an API key: its hash joins the file, the key itself is printed once."""

from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.serving import keys


@dataclass
class Options:
    """Make an API key for the service and print it; only its hash is kept."""

    name: str = cli.option("", "whose key it is, as the access log will call it")
    keys: Path = cli.option(Path("keys.txt"), "the file that `just serve keys=…` reads")


def main(options: Options) -> None:
    key = keys.add(options.keys, options.name)
    print(f"{key}\n  kept nowhere but here; its hash is in {options.keys}: just serve keys={options.keys}")


if __name__ == "__main__":
    cli.run(main, Options)
