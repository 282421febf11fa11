"""Where a run of a configuration lies, and what of its data set it sees. No torch."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError
from kedja.common.names import plain_name
from kedja.data.names import DATA
from kedja.data.prepared import PreparedDataset, load
from kedja.data.splits.subset import KEYS, Subset, take
from kedja.data.versions.folder_hash import hash_folder
from kedja.training.config.schema import NOT_HASHED, DataConfig, TrainConfig, leaves


def data_folder(config: TrainConfig) -> Path:
    """`data/<name>/`."""
    return DATA / plain_name("data", config.data.name)


def subset(config: TrainConfig) -> Subset:
    """What of the data set the run sees; each seed draws its own share of the training images."""
    return Subset(config.data.folds, config.data.fold, config.data.fraction, config.seed)


def load_data(config: TrainConfig) -> PreparedDataset:
    """The data set, divided as the run sees it.

    Raises:
        KedjaError: the data set is missing or damaged, or there is no such fold.
    """
    return take(load(data_folder(config)), subset(config))


def family(config: TrainConfig) -> str:
    """The hash that the same configuration has on the whole data set: what folds and shares have in common."""
    whole = dataclasses.replace(config.data, **{name: getattr(DataConfig, name) for name in KEYS})
    return config_hash(dataclasses.replace(config, data=whole))


def config_hash(config: TrainConfig) -> str:
    """8 hexadecimal digits of everything that decides the result except the seed, the data's content included.

    Raises:
        KedjaError: the data set is not there.
    """
    folder = data_folder(config)
    if not folder.is_dir():
        raise KedjaError(f"{folder}/ does not exist", f"make it with `just data data={config.data.name}`")
    values = {k: v for k, v in _effective(config).items() if k not in NOT_HASHED}
    # What nobody asked for does not count, so that runs from before there were folds keep their names.
    values["data"] = {k: v for k, v in values["data"].items() if k not in KEYS or v != getattr(DataConfig, k)}
    for name, field in leaves().items():
        group, _, last = name.rpartition(".")
        of_group = values[group] if group else values
        if field.metadata["later"] and of_group[last] == field.default:
            of_group.pop(last)
    text = json.dumps([values, hash_folder(folder).hash], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _effective(config: Any) -> dict[str, Any]:
    """Its values, those that have no effect as they are by default."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value, about = getattr(config, field.name), field.metadata
        if dataclasses.is_dataclass(value):
            value = _effective(value)
        elif not about["in_hash"] or (about["needs"] and not any(getattr(config, other) for other in about["needs"])):
            value = field.default
        values[field.name] = value
    return values


def run_directory(config: TrainConfig) -> Path:
    """`<runs>/<experiment>-<config hash>/seed<k>`; the same configuration on changed data is another run."""
    name = config.experiment.replace("/", "-")
    return Path(config.runs) / f"{name}-{config_hash(config)}" / f"seed{config.seed}"
