"""Settings that were found, kept as a file of `conf/experiment/`: the same small file of differences people write."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError
from kedja.common.files import write_text
from kedja.common.names import plain_name
from kedja.training.config.compose import refuse_resolvers
from kedja.training.config.experiments import FOLDER, option_of

MARK = "# Found by `just tune`"


def save(conf: Path, name: str, overrides: Sequence[str], comment: str) -> Path:
    """Write `conf/experiment/<name>.yaml` with the overrides: see `write`.

    Raises:
        KedjaError: a file of that name stands there and was not written by this function.
    """
    name = "/".join(plain_name("save", part) for part in name.split("/"))
    same = conf / FOLDER / f"{option_of(conf, name)}.yaml"
    path = same if same.is_file() else conf / FOLDER / f"{name}.yaml"
    if path.is_file() and MARK not in path.read_text(encoding="utf-8"):
        raise KedjaError(f"{path} was written by hand", "choose another name: save=…")
    return write(path, conf, overrides, comment)


def write(path: Path, conf: Path, overrides: Sequence[str], comment: str) -> Path:
    """Write the overrides as a file of an experiment; those of the experiment that they start from come first.

    Args:
        overrides: `experiment=<base>` (optional), groups (`model=resnet9`) and keys (`optim.lr=0.1`).
    """
    from omegaconf import OmegaConf

    refuse_resolvers(" ".join(overrides))
    groups = {folder.name for folder in conf.iterdir() if folder.is_dir()} - {"experiment", "tune"}
    content: dict[str, Any] = {}
    chosen: dict[str, str] = {}
    for override in overrides:
        key, _, value = override.partition("=")
        if key == "experiment":
            base = OmegaConf.to_container(OmegaConf.load(conf / FOLDER / f"{option_of(conf, value)}.yaml"))
            content = {str(k): v for k, v in base.items()} if isinstance(base, dict) else {}
        elif key in groups:
            chosen[key] = value
        else:
            _put(content, key.split("."), OmegaConf.create(f"v: {value}").v)
    defaults = [one for one in content.pop("defaults", []) if not _overrides_one_of(one, chosen)]
    defaults += [{f"override /{group}": value} for group, value in chosen.items()]
    text = OmegaConf.to_yaml(OmegaConf.create({**({"defaults": defaults} if defaults else {}), **content}))
    write_text(path, f"# @package _global_\n{MARK}: {comment}\n{text}")
    return path


def _put(content: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        content = content.setdefault(key, {})
    content[keys[-1]] = value


def _overrides_one_of(default: Any, groups: dict[str, str]) -> bool:
    return isinstance(default, dict) and any(f"override /{group}" in default for group in groups)
