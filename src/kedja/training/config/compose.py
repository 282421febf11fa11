"""Overrides → a complete `TrainConfig`, composed by Hydra from `conf/`; and back from `config.json`."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError, nearest
from kedja.common.files import read_json
from kedja.common.names import plain_name
from kedja.common.options import DATA_SET_TOO, check_value, convert, not_a_pair, unknown
from kedja.common.paths import placed
from kedja.training.config.experiments import FOLDER, experiment_names, name_of, option_of
from kedja.training.config.schema import COMPONENTS, TrainConfig, flat, groups, leaves, own_keys
from kedja.training.models.records import LIBRARIES

CONF = Path(__file__).resolve().parents[4] / "conf"

# Looks before training that once were keys.
RECIPES = {"find_lr": "find-lr", "overfit": "overfit"}
# What Hydra's grammar takes for one plain word; anything else, as a path with spaces or brackets, is put in quotes.
_PLAIN_TEXT = re.compile(r"[A-Za-z0-9_./:@%+-]*|\$\{.*\}")


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
        _check_override(override, overrides)
    ConfigStore.instance().store(name="schema", node=TrainConfig)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3", job_name="kedja"):
            composed = hydra_compose("config", overrides=[_as_hydra_wants(one) for one in overrides])
            composed.experiment = chosen
            refuse_resolvers(str(OmegaConf.to_container(composed, resolve=False)))
            config = OmegaConf.to_object(composed)
    except (HydraException, OmegaConfBaseException) as error:
        raise KedjaError(_first_line(error), "`just train --help` lists the keys") from None
    assert isinstance(config, TrainConfig)
    _check_values(config)
    plain_name("data", config.data.name)
    _check_owners(config, [override.partition("=")[0] for override in overrides])
    if config.compile and config.diagnose:
        raise KedjaError("diagnose cannot see into a compiled network", "compile=false")
    return config


def settled(overrides: Sequence[str]) -> list[str]:
    """Overrides as a person typed them, with their paths as they are meant here: see `kedja.common.paths`."""
    known = leaves()
    keys = [override.partition("=")[0] for override in overrides]
    return [
        placed(override, known[key], str) if key in known else override
        for key, override in zip(keys, overrides, strict=True)
    ]


def from_json(path: Path) -> TrainConfig:
    """The configuration stored in a run's `config.json`.

    Raises:
        KedjaError: it holds a key that this code does not know, or lacks one.
    """
    values = {key: value for key, value in read_json(path).items() if key not in RECIPES}
    config: TrainConfig = _build(TrainConfig, values, path)
    return config


def refuse_resolvers(text: str) -> None:
    """Refuse `${name:…}`: it would be replaced by what the machine holds, and stored, sent and shown from then on.

    Raises:
        KedjaError: there is one.
    """
    if found := re.search(r"\$\{[^${}]*:", text):
        raise KedjaError(f"{found[0]}…}} is not allowed in a configuration", "write the value itself")


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
    """What is short for something: `model=torchvision:resnet18` for a group file and the name in it, `data=flowers` for
    `data.name=flowers`; and `key=a,b` means the text, no sweep.
    """
    key, equals, value = override.partition("=")
    if equals and (key in DATA_SET_TOO or (key == "data" and value not in files_of("data"))):
        return [f"data.name={value}"]
    library, colon, _ = value.partition(":")
    if key == "model" and library + colon in LIBRARIES:
        return [f"model={library}", f"model.name={value}"]
    is_text = key in leaves() and leaves()[key].type is str
    if is_text and not _PLAIN_TEXT.fullmatch(value) and value[0] not in "'\"":
        return [f"{key}={_quoted(value)}"]
    return [override]


def _quoted(text: str) -> str:
    """As Hydra's grammar has it: quotes take a backslash, and so do backslashes before one or at the end."""
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"


def _as_hydra_wants(override: str) -> str:
    key, _, value = override.partition("=")
    return f"{key}={option_of(CONF, name_of(value))}" if key == FOLDER else override


def _check_override(override: str, overrides: list[str]) -> None:
    refuse_resolvers(override)
    key, equals, value = override.partition("=")
    if not equals:
        raise not_a_pair(override, overrides, list(leaves()))
    if key in [*groups(), "experiment"]:
        if name_of(value) not in files_of(key):
            raise KedjaError(f"{key}={value}: there is no conf/{key}/{value}.yaml", nearest(value, files_of(key)))
    elif key in RECIPES:
        raise KedjaError(f"{key} is no key of a run", f"it is a recipe: `just {RECIPES[key]}`")
    elif key not in leaves():
        raise unknown(key, [*leaves(), *groups()])
    elif leaves()[key].type in (bool, int, float) and "$" not in value:
        convert(key, value, leaves()[key].type)


def _check_values(config: TrainConfig) -> None:
    fields = leaves()
    for key, value in flat(config).items():
        check_value(key, value, fields[key])


def _check_owners(config: TrainConfig, given: list[str]) -> None:
    """Refuse keys that the chosen component does not have; where an experiment's file says them, they do not count."""
    for group in COMPONENTS:
        chosen = getattr(config, group)
        own = own_keys(group, chosen.name)
        for field in dataclasses.fields(chosen):
            if field.name not in ("name", *own):
                if f"{group}.{field.name}" in given:
                    raise KedjaError(f"{group}={chosen.name} has no {field.name}; it has {', '.join(own)}")
                setattr(chosen, field.name, field.default)


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
