"""Data sets to and from the DVC remote of the repository: a folder, S3, or whatever else DVC speaks."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kedja.common.errors import KedjaError, nearest
from kedja.common.files import check_replaceable
from kedja.data.prepared import FILES
from kedja.data.versions.dvc import (
    cached_files,
    changed_files,
    drop_damaged,
    has_remote,
    is_tracked,
    keep,
    last_line,
    object_path,
    run_dvc,
)
from kedja.data.versions.folder_hash import FolderHash, hash_folder, read_folder
from kedja.data.versions.pins import PINS, Pin, read_pins

# What DVC and the libraries below it say → what can be done about it.
_REMEDIES = {
    r"credential|InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|Forbidden|403": (
        "the remote refuses access: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
        "`uv run dvc remote modify --local <remote> access_key_id …`"
    ),
    r"NoSuchBucket|bucket does not exist|Bucket .* does not exist": (
        "create the bucket, or correct the remote's address: `uv run dvc remote list`"
    ),
    r"Could not connect|EndpointConnectionError|Connection refused|timed out|Name or service": (
        "the remote cannot be reached: check its address with `uv run dvc remote list`, and the network"
    ),
    r"missing-files|not exist neither|missing cache files": (
        "the remote lacks it: run `just data-push` where the data set is, or make it here with `just data`"
    ),
    r"No space left": "free some disk space and run the same command again",
}


@dataclass(frozen=True)
class State:
    """Attributes:
    name: of the data set.
    here: ``verified``, ``not here``, or what differs from the pin.
    cached: whether DVC's cache holds the pinned state.
    remote: ``yes``, ``no``, or ``no remote``.
    """

    name: str
    here: str
    cached: bool
    remote: str


def push(root: Path, name: str = "") -> list[str]:
    """Push one pinned data set, or all that are here; what was pushed, in words.

    Raises:
        KedjaError: no remote, a data set that is not what is pinned, or DVC failed.
    """
    pins = _chosen(root, name)
    done = []
    for chosen, pin in pins.items():
        if not (root / "data" / chosen).is_dir() and not name:
            continue
        _require_pinned(root, chosen, pin)
        drop_damaged(root, pin.hash)
        if not _is_cached(root, pin):
            keep(root, chosen)
        _require(run_dvc(root, "push", f"data/{chosen}"), f"data/{chosen} could not be pushed")
        done.append(f"data/{chosen}: {pin.files} files, {pin.size:,} bytes are on the remote")
    if not done:
        raise KedjaError("none of the pinned data sets is here", "make them with `just data`")
    return done


def pull(root: Path, name: str = "") -> list[str]:
    """Pull one pinned data set, or all; each is read in full and verified.

    Raises:
        KedjaError: no remote, DVC failed, or what came is not what is pinned.
    """
    done = []
    for chosen, pin in _chosen(root, name).items():
        check_replaceable(root / "data" / chosen, *FILES)
        drop_damaged(root, pin.hash)
        _require(run_dvc(root, "pull", "--force", f"data/{chosen}"), f"data/{chosen} could not be pulled")
        found = read_folder(root / "data" / chosen)
        if found.hash != pin.hash:
            damaged = ", ".join(_differences(root, pin, found)) or "another content"
            drop_damaged(root, pin.hash)
            raise KedjaError(
                f"what the remote gave for data/{chosen} is not what {PINS} pins: {damaged}",
                "the remote's copy is damaged: remove it there and run `just data-push` where the data set is whole, "
                f"or make it here with `just data data={chosen}`",
            )
        done.append(f"data/{chosen}: {len(found.files)} files, {found.size:,} bytes, verified")
    return done


def status(root: Path) -> list[State]:
    """Every pinned data set, read byte by byte: here, in the cache, on the remote."""
    pins = read_pins(root)
    return [State(n, said, _is_cached(root, pins[n]), _on_remote(root, n, pins[n])) for n, said in here(root)]


def here(root: Path) -> Iterator[tuple[str, str]]:
    """Each pinned data set with ``verified``, ``not here`` or what differs from the pin; every byte is read."""
    for name, pin in read_pins(root).items():
        folder = root / "data" / name
        if not folder.is_dir():
            yield name, "not here"
            continue
        found = read_folder(folder)
        yield name, "verified" if found.hash == pin.hash else ", ".join(_differences(root, pin, found)) or "changed"


def _on_remote(root: Path, name: str, pin: Pin) -> str:
    if not has_remote(root):
        return "no remote"
    if not _is_cached(root, pin):
        return "unknown: not in the cache"
    result = run_dvc(root, "status", "--cloud", "--json", f"data/{name}")
    _require(result, "the remote could not be asked")
    return "no" if json.loads(result.stdout or "{}") else "yes"


def _chosen(root: Path, name: str) -> dict[str, Pin]:
    if not is_tracked(root) or not has_remote(root):
        raise KedjaError(
            "no DVC remote is configured",
            "for example `uv run dvc remote add -d storage s3://bucket/path` (or a folder), then run this again",
        )
    pins = read_pins(root)
    if not pins:
        raise KedjaError(f"{PINS} pins no data set", "make one with `just data`")
    if name and name not in pins:
        raise KedjaError(f"{PINS} pins no data set {name!r}", nearest(name, list(pins)))
    return {name: pins[name]} if name else pins


def _require_pinned(root: Path, name: str, pin: Pin) -> None:
    folder = root / "data" / name
    if not folder.is_dir():
        raise KedjaError(f"data/{name} is not here", f"make it with `just data data={name}`")
    found = hash_folder(folder)
    if found.hash != pin.hash:
        raise KedjaError(
            f"data/{name} is not what {PINS} pins: {', '.join(_differences(root, pin, found)) or 'it changed'}",
            f"repair it with `just data data={name}`",
        )


def _is_cached(root: Path, pin: Pin) -> bool:
    files = cached_files(root, pin.hash)
    return files is not None and not _missing(root, files)


def _missing(root: Path, files: dict[str, str]) -> list[str]:
    return [name for name, digest in files.items() if not object_path(root, digest).is_file()]


def _differences(root: Path, pin: Pin, found: FolderHash) -> list[str]:
    expected = cached_files(root, pin.hash)
    return [] if expected is None else changed_files(found, expected)


def _require(result: subprocess.CompletedProcess[str], problem: str) -> None:
    if result.returncode:
        said = f"{result.stdout}\n{result.stderr}"
        remedy = next((text for pattern, text in _REMEDIES.items() if re.search(pattern, said, re.IGNORECASE)), "")
        raise KedjaError(
            f"{problem}: {last_line(result)}", remedy or "`uv run dvc doctor` says more about DVC's set-up"
        )
