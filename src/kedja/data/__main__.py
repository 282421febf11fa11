"""Prepare, verify and version a data set."""

from dataclasses import dataclass, fields
from pathlib import Path

from kedja import cli
from kedja.common.errors import KedjaError
from kedja.common.outside import printable
from kedja.data.names import data_set_name
from kedja.data.settings import Settings
from kedja.data.summary import summary
from kedja.data.versions.ensure import ensure


@dataclass
class Options(Settings):
    """Prepare, verify and version a data set: data/<name>/, pinned by data.dvc.

    just data                                   verify or make the digits
    just data source=photos/ data=flowers       a folder of images, one sub-folder per class
    just data data=flowers                      verify it, repair it where needed
    """

    data: str = cli.data_set("", "data/<name>/; digits, or the source's own name, by default")
    accept: bool = cli.option(False, "pin what the source gives now, even where it is not what was pinned")
    replace: bool = cli.option(False, "make it from another source than the one it was made from")


def main(options: Options) -> None:
    settings = Settings(**{field.name: getattr(options, field.name) for field in fields(Settings)})
    name = data_set_name(options.data, settings.source)
    asked = settings if settings.source else None
    if settings.differences() and asked is None:
        raise KedjaError("settings without a source", f"say what they are for: just data source=… data={name} …")
    if asked or options.accept:
        from kedja.data.versions.obtain import obtain

        folder = obtain(name, Path(), asked, accept=options.accept, replace=options.replace)
    else:
        folder = ensure(name)
    print(printable(summary(folder)))
    cli.next_step(f"just experiments data={name}", f"what to doubt in it: just audit data={name}")


def run() -> None:
    """`main` as a command of its own."""
    cli.run(main, Options)


if __name__ == "__main__":
    run()
