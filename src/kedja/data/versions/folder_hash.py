"""What DVC says of a folder, computed without DVC, and a stamp that makes the second look quick.

DVC's hash of a folder is the MD5 of a JSON list of the MD5 and relative path of each file, sorted by
path (``dvc_data.hashfile.tree``). The stamp lies beside the folder, so that it is no part of the hash.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedja.common.files import write_json

STAMP_SUFFIX = ".stamp.json"


@dataclass(frozen=True)
class FolderHash:
    """Attributes:
    hash: ``<md5>.dir``, as `data.dvc` writes it.
    files: path inside the folder → MD5.
    size: bytes of all files.
    """

    hash: str
    files: dict[str, str]
    size: int


def hash_folder(folder: Path) -> FolderHash:
    """The folder's hash; files whose size and time the stamp knows are not read again."""
    known = _read_stamp(folder)
    entries: dict[str, tuple[int, int, str]] = {}
    for path in _files(folder):
        status = path.stat()
        name = path.relative_to(folder).as_posix()
        entry = known.get(name)
        if entry is None or entry[:2] != (status.st_size, status.st_mtime_ns):
            entry = (status.st_size, status.st_mtime_ns, md5(path))
        entries[name] = entry
    if entries != known and folder.is_dir():
        write_json(stamp_path(folder), {**_read(folder), "files": entries})
    return _combine({name: (entry[0], entry[2]) for name, entry in entries.items()})


def read_folder(folder: Path) -> FolderHash:
    """The folder's hash with every byte read, whatever the stamp says; renews the stamp."""
    if stamped := _read(folder):
        write_json(stamp_path(folder), {**stamped, "files": {}})
    return hash_folder(folder)


def add_facts(folder: Path, found: FolderHash, facts: Mapping[str, Any]) -> None:
    """Keep beside a data set how it came about: of this machine, and so no part of it."""
    write_json(stamp_path(folder), {**_read(folder), "hash": found.hash, **facts})


def facts_of(folder: Path, of: str = "") -> dict[str, Any]:
    """What `add_facts` kept; empty where nobody knows, or, with a hash, where that was of another state."""
    facts = {key: value for key, value in _read(folder).items() if key != "files"}
    return facts if not of or facts.get("hash", of) == of else {}


def stamp_path(folder: Path) -> Path:
    """`data/.digits.stamp.json` for `data/digits`."""
    return folder.parent / f".{folder.name}{STAMP_SUFFIX}"


def _combine(files: dict[str, tuple[int, str]]) -> FolderHash:
    # DVC sorts by the parts of the path, not by its characters.
    names = sorted(files, key=lambda name: name.split("/"))
    listing = [{"md5": files[name][1], "relpath": name} for name in names]
    digest = hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    return FolderHash(f"{digest}.dir", {name: files[name][1] for name in names}, sum(s for s, _ in files.values()))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def md5(path: Path) -> str:
    """The hexadecimal MD5 of a file, by which DVC calls it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _read_stamp(folder: Path) -> dict[str, tuple[int, int, str]]:
    try:
        files = _read(folder)["files"]
        return {name: (int(size), int(mtime), str(digest)) for name, (size, mtime, digest) in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _read(folder: Path) -> dict[str, Any]:
    try:
        stamped = json.loads(stamp_path(folder).read_bytes())
    except (OSError, ValueError):
        # A stamp that is missing or damaged only costs time.
        return {}
    return stamped if isinstance(stamped, dict) else {}
