"""The mirror-neutral lock: names, versions, file names and hashes, and no address of any package index."""

import re
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path

from kedja.common import files
from kedja.common.errors import KedjaError, nearest

_REGISTRY = re.compile(r'source = \{ registry = "[^"]*" \}')
_ARTIFACT = re.compile(r'\{ url = "[^"]*/([^/"]+)"')
_SIZE = re.compile(r'(hash = "[^"]*"), size = \d+')  # some indexes tell it, others do not; the hash says more


def neutralise(text: str) -> str:
    """The lock with every index called `pypi`, every artifact reduced to its bare file name, and no sizes.

    Raises:
        KedjaError: an address is left, which is a source other than an index (a git or URL dependency).
    """
    text = _ARTIFACT.sub(r'{ path = "\1"', _REGISTRY.sub('source = { registry = "pypi" }', text))
    text = _SIZE.sub(r"\1", text)
    for number, line in enumerate(text.splitlines(), start=1):
        if "://" in line:
            raise KedjaError(
                f"uv.lock:{number} holds an address that cannot be made neutral: {line.strip()}",
                "depend on a released package, not on a URL or a repository",
            )
    return text


def lock(root: Path, arguments: Sequence[str] = ()) -> None:
    """Resolve `pyproject.toml` into a neutral `uv.lock`; `arguments` go to `uv lock`.

    On failure the lock stays as it was.
    """
    path = root / "uv.lock"
    before = path.read_bytes() if path.exists() else None
    try:
        run_uv(["lock", *arguments], root)
        neutral = neutralise(path.read_text(encoding="utf-8"))
    except BaseException:
        if before is not None:
            files.write_bytes(path, before)
        raise
    files.write_text(path, neutral)


def check(root: Path) -> None:
    """Raises KedjaError where the lock does not fit `pyproject.toml`, or is not neutral."""
    path = root / "uv.lock"
    if neutralise(path.read_text(encoding="utf-8")) != path.read_text(encoding="utf-8"):
        raise KedjaError("uv.lock holds addresses of a package index", "run: just lock")
    run_uv(["lock", "--quiet", "--check"], root)


def versions(path: Path) -> dict[str, set[str]]:
    """Every package of the lock with its versions (one a platform or Python where they differ)."""
    found: dict[str, set[str]] = {}
    for package in tomllib.loads(path.read_text(encoding="utf-8"))["package"]:
        if "editable" not in package["source"]:
            found.setdefault(package["name"], set()).add(package["version"])
    return found


def groups(root: Path) -> list[str]:
    """The dependency groups that `pyproject.toml` defines."""
    return list(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"])


def requirements(root: Path, chosen: Sequence[str]) -> list[str]:
    """The locked requirements of some groups, one a logical line: `name==version ; marker --hash=… --hash=…`.

    Raises:
        KedjaError: a group that does not exist, or a lock that does not fit uv.
    """
    known = groups(root)
    for group in chosen:
        if group not in known:
            raise KedjaError(f"there is no dependency group {group!r}", nearest(group, known))
    selection = [argument for group in chosen for argument in ("--group", group)]
    command = [
        "export",
        "--quiet",
        "--frozen",
        "--no-emit-project",
        "--no-default-groups",
        "--no-annotate",
        "--no-header",
    ]
    text = run_uv([*command, *selection], root, capture=True)
    return [" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def name_of(requirement: str) -> str:
    """The package's name in a line of `requirements`."""
    return re.split(r"[=\[ ;]", requirement, maxsplit=1)[0]


def version_of(requirements: Sequence[str], name: str) -> str | None:
    """The version that a package is pinned to in a list of `requirements`."""
    for line in requirements:
        if name_of(line) == name:
            return line.split("==")[1].split()[0]
    return None


def run_uv(
    arguments: Sequence[str], root: Path, *, capture: bool = False, environment: dict[str, str] | None = None
) -> str:
    """Run uv in the repository; its messages go to the terminal.

    Raises:
        KedjaError: uv is missing, or says no.
    """
    try:
        done = subprocess.run(
            ["uv", *arguments],
            cwd=root,
            env=environment,
            check=False,
            text=True,
            stdout=subprocess.PIPE if capture else None,
        )
    except FileNotFoundError:
        raise KedjaError("uv was not found", "start the recipe with: sh scripts/just.sh <recipe>") from None
    if done.returncode != 0:
        raise KedjaError(f"uv {arguments[0]} failed (its message is above)", "mend that and run the same command again")
    return done.stdout if capture else ""
