"""The installed packages held against the lock, and against their own lists of files."""

import csv
from importlib import metadata
from pathlib import Path

from kedja.environment import lock, stamp
from kedja.environment.check import Check
from kedja.environment.stamp import Stamp

_SHOWN = 5  # names in a message; the rest is a number


def check(root: Path, record: Stamp | None) -> list[Check]:
    """Versions against the lock and the last installation, then files against each package's own list."""
    if record is None:
        return [Check("packages", "failed", "nothing was installed by just env here", "just env")]
    if record.state != "ready":
        return [Check("packages", "failed", "the last installation was interrupted", "just env")]
    return [_versions(root, record), _files(root)]


def _versions(root: Path, record: Stamp) -> Check:
    installed, locked = stamp.installed(root), lock.versions(root / "uv.lock")
    missing = sorted(record.versions.keys() - installed.keys())
    differing = [f"{n} {v}" for n, v in installed.items() if n in locked and v.split("+")[0] not in locked[n]]
    foreign = sorted(installed.keys() - record.versions.keys())
    if missing or differing:
        parts = [_listed("missing", missing), _listed("not as locked", differing)]
        return Check("packages", "failed", "; ".join(filter(None, parts)), "just env groups=" + ",".join(record.groups))
    if record.key != stamp.key(root, record.groups, record.torch, record.python):
        return Check("packages", "warning", "lock, project or hardware changed since they were installed", "just env")
    if foreign:
        return Check(
            "packages", "warning", _listed("not of the lock", foreign), "declare it in pyproject.toml, then: just lock"
        )
    return Check("packages", "ok", f"{len(installed)} as locked, groups {', '.join(record.groups)}")


def _files(root: Path) -> Check:
    """Every file that the packages say they installed is there, with its size."""
    damaged = []
    for folder in stamp.site_packages(root):
        for package in metadata.distributions(path=[str(folder)]):
            name = package.name or "a package without a name"
            rows = csv.reader((package.read_text("RECORD") or "").splitlines())
            damaged += [f"{name} ({row[0]})" for row in rows if len(row) == 3 and not _is_whole(folder, row[0], row[2])]
    if damaged:
        return Check("files", "failed", _listed("damaged or missing", damaged), "remove .venv and run: just env")
    return Check("files", "ok", "every installed file has its size")


def _is_whole(folder: Path, name: str, size: str) -> bool:
    # Files without a size are made on the spot (bytecode); those outside are programs with a rewritten first line.
    if not size or name.startswith(("..", "/")):
        return True
    try:
        return (folder / name).stat().st_size == int(size)
    except OSError:
        return False


def _listed(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{what}: {', '.join(names[:_SHOWN])}{more}"
