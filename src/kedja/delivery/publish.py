"""From a tested local image to a signed one in a registry, and from files to a release."""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from kedja.common.errors import KedjaError
from kedja.delivery.engine import Engine


def push(engine: Engine, local: str, image: str, version: str) -> str:
    """Push a local image as `image:version`; its digest in the registry, `sha256:…`.

    Logs in first where REGISTRY_TOKEN is set (as REGISTRY_USER).

    Raises:
        KedjaError: the registry refused, or told no digest.
    """
    token = os.environ.get("REGISTRY_TOKEN")
    if token:
        login = [engine.program, "login", image.split("/", maxsplit=1)[0], "--password-stdin"]
        login += ["--username", os.environ.get("REGISTRY_USER", "token")]
        _run(login, token)
    name = f"{image.lower()}:{version}"
    engine.ask(["tag", local, name])
    _run([engine.program, "push", name])
    listed = engine.ask(["image", "inspect", "--format", "{{range .RepoDigests}}{{println .}}{{end}}", name])
    digests = [line.split("@")[1] for line in listed.split() if line.startswith(f"{image.lower()}@")]
    if not digests:
        raise KedjaError(f"{engine.program} told no digest of {name}")
    return digests[0]


def sign(image: str, digest: str) -> None:
    """Sign an image in a registry with the workflow's own identity, by cosign."""
    _run(["cosign", "sign", "--yes", f"{image.lower()}@{digest}"])


def release(version: str, files: Sequence[Path], notes: str) -> None:
    """Make a release on GitHub with its files attached, by GitHub's own command-line program."""
    command = ["gh", "release", "create", version, "--verify-tag", "--title", version, "--notes", notes]
    _run([*command, *map(str, files)])


def archive(folder: Path, destination: Path) -> Path:
    """A `.tar.gz` of a folder: sorted, without times and owners."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.mtime = member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    if not folder.is_dir():
        raise KedjaError(f"{folder} does not exist", "make it with: just main")
    destination.parent.mkdir(parents=True, exist_ok=True)
    temporary = destination.with_suffix(".part")
    with tarfile.open(temporary, "w:gz") as file:
        for path in [folder, *sorted(folder.rglob("*"))]:
            file.add(path, path.relative_to(folder.parent).as_posix(), recursive=False, filter=plain)
    return temporary.replace(destination)


def _run(command: Sequence[str], secret: str | None = None) -> None:
    """Run a program with its messages on the terminal; a secret goes through its standard input, not its arguments."""
    if shutil.which(command[0]) is None:
        raise KedjaError(f"{command[0]} was not found", f"install {command[0]}")
    if subprocess.run(command, input=secret, text=True, check=False).returncode != 0:
        raise KedjaError(f"{' '.join(command[:2])} failed (its message is above)")
