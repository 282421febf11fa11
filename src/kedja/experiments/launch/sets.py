"""Which experiments suit a data set: one folder of `conf/experiment/` for each kind of data."""

from pathlib import Path

from kedja.runs.read import DEBUG
from kedja.training.config.experiments import FOLDER, HOME, experiment_names

# The quick ones first, so that there soon is an answer; what is not named here follows by name.
ORDER = {
    "photos": ("probe", "probe-views", "finetune-top", "finetune", "scratch"),
    "texts": ("probe", "finetune", "scratch"),
}

# Runs at a time where the first answer counts: each uses all cores well by itself.
JOBS = {"photos": 1, "texts": 1}


def sets(conf: Path) -> list[str]:
    """Names of the folders of `conf/experiment/`."""
    return sorted(path.name for path in (conf / FOLDER).iterdir() if path.is_dir())


def members(conf: Path, name: str) -> list[str]:
    """The experiments of a set, and those for any data, quick ones first; all but `debug`."""
    everything = experiment_names(conf)
    own = [one for one in everything if one.startswith(f"{name}/")]
    anywhere = [one for one in everything if "/" not in one and (name == HOME or not _is_home(conf, one))]
    order = {f"{name}/{one}": place for place, one in enumerate(ORDER.get(name, ()))}
    found = [one for one in [*own, *anywhere] if one != DEBUG]
    return sorted(found, key=lambda one: order.get(one, len(order)))


def _is_home(conf: Path, name: str) -> bool:
    return not (conf / FOLDER / f"{name}.yaml").is_file()
