"""DVC as the keeper of prepared data sets: its cache, and a remote where one is configured."""

import configparser
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from kedja.common.progress import say
from kedja.data.versions.folder_hash import FolderHash, md5

# `dvc commit` fails where another data set of data.dvc is not here; only its function can be told to go on.
COMMIT = "import sys; from dvc.repo import Repo; Repo().commit(sys.argv[1], force=True, allow_missing=True)"

_MD5 = re.compile(r"[0-9a-f]{32}")


def is_tracked(root: Path) -> bool:
    """Whether `root` is a DVC repository."""
    return (root / ".dvc").is_dir()


def run_dvc(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run DVC; its status and output are the caller's to judge. It sends no analytics and looks for no updates."""
    return _run_python(root, "-m", "dvc", *arguments)


def _run_python(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "NO_COLOR": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def keep(root: Path, name: str) -> None:
    """Put the data set into DVC's cache, so that it can be pushed; `data.dvc` stays as it is."""
    result = _run_python(root, "-c", COMMIT, f"data/{name}")
    if result.returncode:
        say(f"note: DVC did not take data/{name} into its cache: {last_line(result)}")


def restore(root: Path, name: str, pinned: str) -> bool:
    """Fetch the pinned bytes from the cache or a remote; whether DVC says that it succeeded."""
    if not is_tracked(root):
        return False
    drop_damaged(root, pinned)
    if cached_files(root, pinned) is not None and not run_dvc(root, "checkout", "--force", f"data/{name}").returncode:
        return True
    if not has_remote(root):
        return False
    result = run_dvc(root, "pull", "--force", f"data/{name}")
    if result.returncode:
        say(f"the DVC remote does not have data/{name}: {last_line(result)}")
    return not result.returncode


def cache_folder(root: Path) -> Path:
    """Where DVC keeps objects: `cache.dir` of its configuration, else `.dvc/cache`."""
    configured = _configuration(root).get("cache", "dir", fallback="")
    base = root / ".dvc" / configured if configured else root / ".dvc" / "cache"
    return base / "files" / "md5"


def object_path(root: Path, digest: str) -> Path:
    """Where the cache keeps the object with this MD5, there or not."""
    return cache_folder(root) / digest[:2] / digest[2:]


def has_remote(root: Path) -> bool:
    """Whether the repository's DVC configuration names a default remote."""
    return _configuration(root).has_option("core", "remote")


def cached_files(root: Path, pinned: str) -> dict[str, str] | None:
    """Path inside the folder → MD5 of the pinned state, where the cache knows it."""
    try:
        listing = json.loads(object_path(root, pinned).read_bytes())
        files = {str(entry["relpath"]): str(entry["md5"]) for entry in listing}
        # The digests become paths of the cache.
        return files if all(map(_MD5.fullmatch, files.values())) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def drop_damaged(root: Path, pinned: str) -> list[str]:
    """Remove objects of the pinned state whose bytes are not what their name says; the MD5s of those."""
    files = cached_files(root, pinned) or {}
    damaged = [digest for digest in (pinned, *files.values()) if _is_damaged(root, digest)]
    for digest in damaged:
        object_path(root, digest).unlink()
    if damaged:
        say(f"removed {len(damaged)} damaged objects from the DVC cache: {', '.join(damaged)}")
    return damaged


def changed_files(found: FolderHash, expected: dict[str, str]) -> list[str]:
    """What differs, in words: ``images.npy changed``, ``index.csv missing``, ``x.txt added``."""
    problems = [f"{name} missing" for name in expected if name not in found.files]
    problems += [f"{name} changed" for name in expected if found.files.get(name, expected[name]) != expected[name]]
    problems += [f"{name} added" for name in found.files if name not in expected]
    return problems


def last_line(result: subprocess.CompletedProcess[str]) -> str:
    """DVC's own last word on what went wrong."""
    lines = [line for line in (result.stderr or result.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no message"])[-1].removeprefix("ERROR: ")


def _is_damaged(root: Path, digest: str) -> bool:
    path = object_path(root, digest)
    if not path.is_file():
        return False
    return md5(path) != digest.removesuffix(".dir")


def _configuration(root: Path) -> configparser.ConfigParser:
    configuration = configparser.ConfigParser(interpolation=None)
    configuration.read([root / ".dvc" / "config", root / ".dvc" / "config.local"], encoding="utf-8")
    return configuration
