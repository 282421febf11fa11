"""The two images: what goes into a build, and what comes out of it."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from kedja.bundle import metadata
from kedja.common.errors import KedjaError
from kedja.delivery.engine import Engine

MEGABYTE = 1_000_000
NO_BUNDLE = Path("deploy/image/no-bundle")

# 1 January 1980, the time of every file and image. The commit's own time would give each commit other layers although
# nothing in them changed, and other ones again where an earlier commit's are taken from the cache.
TIMESTAMP = 315_532_800

# A mirror of the package index reaches the stages that install, and none of the images.
_MIRRORS = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX")


@dataclass(frozen=True)
class Built:
    """A finished image.

    Attributes:
        tag: its local name.
        bytes_over_base: size of its layers above those of its base, unpacked.
        seconds: how long the build took.
        layers: digests, the lowest first.
    """

    tag: str
    bytes_over_base: int
    seconds: float
    layers: list[str]


@dataclass(frozen=True)
class Recipe:
    """What to build.

    Attributes:
        target: `serve` or `train`, a stage of the Dockerfile.
        base: the base image; empty takes the Dockerfile's own.
        bundle: a folder inside the repository that goes into the image, None to have it mounted.
        torch: PyTorch's build in the training image.
    """

    target: str
    tag: str
    base: str = ""
    bundle: Path | None = Path("bundle")
    torch: str = "locked"


def build(root: Path, engine: Engine, recipe: Recipe, *, cache: bool = True) -> Built:
    """Build an image of the working tree, labelled by its commit.

    Raises:
        KedjaError: no bundle to put in, or the build failed.
    """
    if recipe.target == "serve" and recipe.bundle is not None:
        _check_bundle(root, recipe.bundle)
    base = recipe.base or _default_base(root)
    arguments = {
        "BASE": base,
        "REVISION": _git(root, "rev-parse", "HEAD") or "unknown",
        "VERSION": _git(root, "describe", "--tags", "--always") or "0",
        "SOURCE": _git(root, "config", "--get", "remote.origin.url") or "unknown",
    }
    arguments |= {name: os.environ[name] for name in _MIRRORS if os.environ.get(name)}
    if recipe.target == "serve":
        arguments["BUNDLE"] = (recipe.bundle or NO_BUNDLE).as_posix()
    else:
        arguments["TORCH"] = recipe.torch
    started = time.monotonic()
    engine.build(root, recipe.tag, recipe.target, arguments, TIMESTAMP, cache=cache)
    seconds = time.monotonic() - started
    over = 0 if engine.program == "buildah" else engine.size(recipe.tag) - engine.size(base)
    return Built(recipe.tag, over, seconds, engine.layers(recipe.tag))


def check_reproducible(first: Built, second: Built) -> None:
    """Raises KedjaError naming the first layer that two builds of one tree do not share."""
    for number, (one, other) in enumerate(zip(first.layers, second.layers, strict=False), start=1):
        if one != other:
            raise KedjaError(
                f"layer {number} of {len(first.layers)} differs between two builds: {one} and {other}",
                "something in that step depends on the time, on a random number or on the order of files",
            )
    if len(first.layers) != len(second.layers):
        raise KedjaError(f"two builds have {len(first.layers)} and {len(second.layers)} layers")


def _check_bundle(root: Path, bundle: Path) -> None:
    inside = (root / bundle).resolve()
    if not inside.is_relative_to(root.resolve()):
        raise KedjaError(f"bundle={bundle} is outside the repository, where no build can see it", "bundle=mount")
    metadata.load(inside)


def _default_base(root: Path) -> str:
    for line in (root / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("ARG BASE="):
            return line.removeprefix("ARG BASE=")
    raise KedjaError("the Dockerfile has no line ARG BASE=…")


def _git(root: Path, *arguments: str) -> str:
    """What git says, empty outside a repository. A remote's address may hold a password: it is left out."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    answer = done.stdout.strip() if done.returncode == 0 else ""
    scheme, separator, rest = answer.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if separator else answer
