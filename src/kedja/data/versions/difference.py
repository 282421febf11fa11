"""What changed between the data sets of two commits."""

import csv
import subprocess
from collections.abc import Iterable
from pathlib import Path

from kedja.common.errors import KedjaError
from kedja.data.names import INDEX
from kedja.data.versions.dvc import cached_files, object_path
from kedja.data.versions.pins import PINS, Pin, parse_pins, read_pins

_SHOWN = 5


def difference(root: Path, revision: str) -> list[str]:
    """What `data.dvc` here says otherwise than at `revision`, a line each; empty where nothing changed.

    Raises:
        KedjaError: no such revision.
    """
    before, now = _pins_at(root, revision), read_pins(root)
    lines = []
    for name in sorted(before.keys() | now.keys()):
        if name not in before:
            lines.append(f"data/{name}: new, {now[name].files} files, {now[name].size:,} bytes")
        elif name not in now:
            lines.append(f"data/{name}: no longer pinned")
        elif before[name].hash != now[name].hash:
            growth = now[name].size - before[name].size
            lines.append(f"data/{name}: {before[name].hash} → {now[name].hash}, {growth:+,} bytes")
            lines += [f"  {line}" for line in _settings(before[name], now[name])]
            lines += [f"  {line}" for line in _images(root, name, before[name], now[name])]
    return lines


def _pins_at(root: Path, revision: str) -> dict[str, Pin]:
    result = subprocess.run(
        ["git", "show", f"{revision}:./{PINS}"], cwd=root, capture_output=True, text=True, check=False
    )
    if result.returncode:
        if "exists on disk, but not in" in result.stderr or "does not exist in" in result.stderr:
            return {}
        reason = (result.stderr.strip().splitlines() or ["git failed"])[0]
        raise KedjaError(f"rev={revision}: {reason}", "a commit, branch or tag, for example rev=HEAD~1")
    return parse_pins(result.stdout, Path(f"{revision}:{PINS}"))


def _settings(before: Pin, now: Pin) -> list[str]:
    old, new = before.settings.differences(), now.settings.differences()
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return [f"{key}: {old.get(key, 'default')} → {new.get(key, 'default')}" for key in changed]


def _images(root: Path, name: str, before: Pin, now: Pin) -> list[str]:
    """Images added, removed, changed, labelled or dealt otherwise."""
    old, new = _index(root, before, None), _index(root, now, root / "data" / name / INDEX)
    if old is None or new is None:
        return ["which images changed cannot be told: the earlier state is not in the DVC cache"]
    both = old.keys() & new.keys()
    return [
        *_line("added", new.keys() - old.keys()),
        *_line("removed", old.keys() - new.keys()),
        *_line("with other content", (i for i in both if old[i]["sha256"] != new[i]["sha256"])),
        *_line("with another label", (i for i in both if old[i]["class"] != new[i]["class"])),
        *_line("in another split", (i for i in both if old[i]["split"] != new[i]["split"])),
    ]


def _line(what: str, names: Iterable[str]) -> list[str]:
    listed = sorted(names)
    if not listed:
        return []
    more = " …" if len(listed) > _SHOWN else ""
    return [f"{len(listed):,} images {what}: {', '.join(listed[:_SHOWN])}{more}"]


def _index(root: Path, pin: Pin, otherwise: Path | None) -> dict[str, dict[str, str]] | None:
    digest = (cached_files(root, pin.hash) or {}).get(INDEX)
    path = object_path(root, digest) if digest else otherwise
    if path is None or not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}
