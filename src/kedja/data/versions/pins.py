"""`data.dvc`: one file at the top that pins every data set, one DVC output each.

One file and not one per data set, so that a clone names everything it depends on in one place; DVC's
commands take a single output as their target (`dvc pull data/digits`), so data sets that are not here do not
stand in the way of those that are.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kedja.common.errors import KedjaError
from kedja.common.files import write_text
from kedja.common.names import plain_name
from kedja.data.settings import Settings, from_differences
from kedja.data.versions.folder_hash import FolderHash

PINS = "data.dvc"


@dataclass(frozen=True)
class Pin:
    """Attributes:
    hash: DVC's hash of the folder.
    size: bytes.
    files: number of files.
    settings: how it is made.
    """

    hash: str
    size: int
    files: int
    settings: Settings


def read_pins(root: Path) -> dict[str, Pin]:
    """Name → pin, empty where there is no `data.dvc`.

    Raises:
        KedjaError: the file is damaged.
    """
    path = root / PINS
    if not path.is_file():
        return {}
    return parse_pins(path.read_text(encoding="utf-8"), path)


def parse_pins(text: str, origin: Path) -> dict[str, Pin]:
    """The pins of the text of a `data.dvc`."""
    try:
        content = yaml.safe_load(text) or {}
        if content.get("wdir", ".") != ".":
            raise KedjaError(f"{origin}: wdir={content['wdir']} leads elsewhere", f"git checkout {PINS}")
        outs = content.get("outs") or []
        return {_name(out["path"], origin): _pin(out, origin) for out in outs if "md5" in out}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise KedjaError(
            f"{origin} is damaged: {type(error).__name__}: {error}", f"take it from git again: git checkout {PINS}"
        ) from None


def write_pin(root: Path, name: str, settings: Settings, found: FolderHash) -> None:
    """Enter or renew one data set; the others stay as they are."""
    path = root / PINS
    content: dict[str, Any] = {}
    if path.is_file():
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    place = f"data/{name}"
    made = {key: value for key, value in settings.differences().items() if key != "jobs"}
    out = {
        "path": place,
        "md5": found.hash,
        "size": found.size,
        "nfiles": len(found.files),
        "hash": "md5",
        "meta": {"made_with": made},
    }
    outs = [other for other in content.get("outs") or [] if other["path"] != place]
    content["outs"] = sorted([*outs, out], key=lambda entry: str(entry["path"]))
    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _name(path: str, origin: Path) -> str:
    parts = path.split("/")
    if len(parts) != 2 or parts[0] != "data":
        raise KedjaError(
            f"{origin} pins {path[:100]!r}, which is no data/<name>", f"take it from git: git checkout {PINS}"
        )
    return plain_name(f"{origin}: data/", parts[1])


def _pin(out: dict[str, Any], origin: Path) -> Pin:
    # It becomes a path of the cache.
    if not isinstance(out["md5"], str) or not re.fullmatch(r"[0-9a-f]{32}\.dir", out["md5"]):
        raise KedjaError(
            f"{origin} pins {str(out['md5'])[:100]!r}, which is no hash of a folder", f"git checkout {PINS}"
        )
    made = (out.get("meta") or {}).get("made_with") or {}
    return Pin(out["md5"], out.get("size", 0), out.get("nfiles", 0), from_differences(made, origin))
