"""What was installed into `.venv`, and whether it still is what is asked for."""

import dataclasses
import hashlib
import json
import re
import sys
from pathlib import Path

from kedja.common import files
from kedja.environment import hardware


@dataclasses.dataclass(frozen=True)
class Stamp:
    """The record in `.venv/kedja-environment.json`.

    Attributes:
        state: `installing` until everything stands, then `ready`.
        key: see `key`.
        groups, torch, python: what was asked for; an empty `python` leaves it to `.python-version`.
        build: the build of PyTorch that came of it.
        versions: what was installed.
        root: the clone it was installed for, whose path the programs in `.venv` name.
    """

    state: str
    key: str
    groups: list[str]
    torch: str
    python: str = ""
    build: str = ""
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    root: str = ""


def path(root: Path) -> Path:
    """Where the stamp lies: inside the environment, so that it goes when the environment goes."""
    return root / ".venv" / "kedja-environment.json"


def read(root: Path) -> Stamp | None:
    """The stamp, or None where there is none or it is unreadable (an older form, a damaged disk)."""
    try:
        return Stamp(**json.loads(path(root).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write(root: Path, stamp: Stamp) -> None:
    """Put the stamp in place, atomically."""
    files.write_json(path(root), dataclasses.asdict(stamp))


def interpreter(root: Path) -> Path:
    """The environment's Python."""
    return root / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def key(root: Path, groups: list[str], torch: str, python: str) -> str:
    """A digest of all that decides what gets installed: lock, project, groups, PyTorch's build, Python, accelerator."""
    digest = hashlib.sha256()
    for name in ("uv.lock", "pyproject.toml", ".python-version"):
        digest.update((root / name).read_bytes())
    # Hardware decides only where it is asked to.
    accelerator = hardware.kind() if torch == "auto" else ""
    digest.update(json.dumps([groups, torch, python, accelerator, str(root)]).encode())
    return digest.hexdigest()


def site_packages(root: Path) -> list[Path]:
    """The folders that hold the environment's packages."""
    return [*(root / ".venv").glob("lib/python3*/site-packages"), *(root / ".venv").glob("Lib/site-packages")]


def installed(root: Path) -> dict[str, str]:
    """Names (normalised) and versions of what lies in the environment now."""
    from importlib import metadata  # a few tens of milliseconds that the quick path does without

    found = metadata.distributions(path=[str(folder) for folder in site_packages(root)])
    return dict(sorted((re.sub(r"[-_.]+", "-", d.name).lower(), d.version) for d in found if d.name))
