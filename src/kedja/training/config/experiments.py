"""The files of `conf/experiment/`, and what each is called.

A folder holds a set of experiments for one kind of data; what lies beside the folders is for any. An experiment is
called `<set>/<file>`, those for the digits by their file alone.
"""

from pathlib import Path

HOME = "digits"
FOLDER = "experiment"


def experiment_names(conf: Path) -> list[str]:
    """Those for the digits and for any data, then the other sets', each sorted."""
    names = {path.relative_to(conf / FOLDER).with_suffix("").as_posix() for path in (conf / FOLDER).rglob("*.yaml")}
    return sorted({name_of(name) for name in names}, key=lambda name: (name.count("/"), name))


def name_of(given: str) -> str:
    """What an experiment is called in runs and tables, however it was named."""
    return given.removeprefix(f"{HOME}/")


def option_of(conf: Path, name: str) -> str:
    """The file of that name as Hydra wants it: its path below `conf/experiment/`, without suffix."""
    return name if (conf / FOLDER / f"{name}.yaml").is_file() else f"{HOME}/{name}"
