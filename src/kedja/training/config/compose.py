"""Overrides → a complete `TrainConfig`, composed by Hydra from `conf/`; and back from `config.json`."""

import dataclasses
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError, nearest
from kedja.common.files import read_json
from kedja.training.config.experiments import FOLDER, experiment_names, name_of, option_of
from kedja.training.config.schema import TRACKERS, TrainConfig, flat, groups, leaves

CONF = Path(__file__).resolve().parents[4] / "conf"

MOST = 2**31 - 1
# Whose networks are called `<library>:<name>`.
LIBRARIES = ("torchvision", "timm")
# Lowest and highest value of the keys that would fail later, and less clearly.
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("epochs", "batch_size", "accumulate"), (1, MOST)),
    **dict.fromkeys(("seed", "threads", "patience", "diagnose", "model.image_size", "finetune.head_epochs"), (0, MOST)),
    **dict.fromkeys(("optim.lr", "optim.weight_decay", "clip", "checkpoint_seconds"), (0, float("inf"))),
    **dict.fromkeys(("augment.shift", "augment.early_side", "loss.gamma"), (0, MOST)),
    **dict.fromkeys(("augment.mixup", "augment.cutmix"), (0, MOST)),
    **dict.fromkeys(("ema", "model.dropout"), (0, 0.9999999)),
    **dict.fromkeys(("loss.label_smoothing", "schedule.warmup", "schedule.final"), (0, 1)),
    **dict.fromkeys(("augment.erase", "augment.early_share", "augment.crop", "augment.colour"), (0, 1)),
    "model.width": (0.01, 100),
    "finetune.first_lr": (1e-9, 1),
    "augment.scale": (0, 0.9),
    "data.workers": (-1, 1024),
}


def compose(overrides: list[str]) -> TrainConfig:
    """The configuration that `key=value` overrides make of `conf/config.yaml` and its groups.

    Raises:
        KedjaError: an unknown key or group file, or a value of the wrong type (names the nearest valid one).
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    overrides = [plain for override in overrides for plain in _expand(override)]
    chosen = experiment_of(overrides)
    for override in overrides:
        _check_override(override)
    ConfigStore.instance().store(name="schema", node=TrainConfig)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3", job_name="kedja"):
            composed = hydra_compose("config", overrides=[_as_hydra_wants(one) for one in overrides])
            composed.experiment = chosen
            config = OmegaConf.to_object(composed)
    except (HydraException, OmegaConfBaseException) as error:
        raise KedjaError(_first_line(error), "`just train --help` lists the keys") from None
    assert isinstance(config, TrainConfig)
    _check_choices(config)
    _check_ranges(config)
    if config.compile and config.diagnose:
        raise KedjaError("diagnose cannot see into a compiled network", "compile=false")
    return config


def from_json(path: Path) -> TrainConfig:
    """The configuration stored in a run's `config.json`.

    Raises:
        KedjaError: it holds a key that this code does not know, or lacks one.
    """
    config: TrainConfig = _build(TrainConfig, read_json(path), path)
    return config


def experiment_of(overrides: list[str]) -> str:
    """The name given as `experiment=…`, else ``default``."""
    given = [override.partition("=")[2] for override in overrides if override.startswith("experiment=")]
    return name_of(given[-1]) if given else "default"


def files_of(group: str) -> list[str]:
    """Names of the files in `conf/<group>/`, those in folders as `<folder>/<name>`."""
    if group == FOLDER:
        return experiment_names(CONF)
    folder = CONF / group
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


def _expand(override: str) -> list[str]:
    """`model=torchvision:resnet18` is short for a group file and the name in it; `key=a,b` means the text, no sweep."""
    key, _, value = override.partition("=")
    library, colon, _ = value.partition(":")
    if key == "model" and colon and library in LIBRARIES:
        return [f"model={library}", f"model.name={value}"]
    if "," in value and key in leaves() and leaves()[key].type is str and value[0] not in "'\"":
        return [f"{key}='{value}'"]
    return [override]


def _as_hydra_wants(override: str) -> str:
    key, _, value = override.partition("=")
    return f"{key}={option_of(CONF, name_of(value))}" if key == FOLDER else override


def _check_override(override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise KedjaError(f"{override!r} is not of the form key=value", nearest(override, list(leaves())))
    if key in [*groups(), "experiment"]:
        if name_of(value) not in files_of(key):
            raise KedjaError(f"{key}={value}: there is no conf/{key}/{value}.yaml", nearest(value, files_of(key)))
    elif key not in leaves():
        raise KedjaError(f"unknown key {key!r}", nearest(key, [*leaves(), *groups()]))


def _check_choices(config: TrainConfig) -> None:
    for name in config.tracker.split(","):
        if name not in TRACKERS:
            raise KedjaError(f"tracker={config.tracker}: {name!r} is no tracker", nearest(name, list(TRACKERS)))
    fields = leaves()
    for key, value in flat(config).items():
        choices = list(fields[key].metadata["choices"])
        if choices and value not in choices:
            raise KedjaError(f"{key}={value} is not a choice", nearest(str(value), choices))


def _check_ranges(config: TrainConfig) -> None:
    values = flat(config)
    for key, (low, high) in RANGES.items():
        if not low <= values[key] <= high:
            raise KedjaError(f"{key}={values[key]} is out of range", f"it lies between {low} and {high}")


def _build(kind: type, values: dict[str, Any], path: Path) -> Any:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := sorted(set(values) - set(fields)):
        raise KedjaError(f"{path} has the unknown key {unknown[0]!r}", "it was written by another version of Kedja")
    arguments = {
        name: _build(fields[name].type, value, path)  # type: ignore[arg-type]
        if isinstance(value, dict)
        else value
        for name, value in values.items()
    }
    return kind(**arguments)


def _first_line(error: Exception) -> str:
    """Hydra wraps the reason in several exceptions; the innermost names the key and the value."""
    while error.__cause__ is not None and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return " ".join(line.strip() for line in str(error).splitlines()[:2])
