"""Write the bundle as another server's own deployable."""

from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.export.package import TARGETS, package


@dataclass
class Options:
    """Write the bundle as a folder that another server runs; its README.md says how."""

    target: str = cli.required("which server", metavar="|".join(TARGETS))
    bundle: Path = cli.option(Path("bundle"), "what is packaged")
    destination: Path | None = cli.option(None, "where to; default: dist/<target>")


def main(options: Options) -> None:
    folder = package(options.bundle, options.target, options.destination or Path("dist") / options.target)
    print(f"{folder}/ is ready: see {folder}/README.md")


if __name__ == "__main__":
    cli.run(main, Options)
