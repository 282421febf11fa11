"""What a run was made from and on: code, data, lock, hardware, versions, command."""

import hashlib
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "torchvision", "lightning-fabric", "numpy", "safetensors", "hydra-core")
REPOSITORY = Path(__file__).resolve().parents[3]


def describe(
    framework: str,
    data: dict[str, Any],
    device: str,
    threads: int,
    precision: str = "fp32",
    *,
    accelerator: str | None = None,
    packages: Sequence[str] = PACKAGES,
) -> dict[str, Any]:
    """The content of `provenance.json`.

    Args:
        framework: what learns, an entry of `kedja.frameworks.registry`.
        data: the data set's facts, enough to rebuild the model without its images.
        device: as torch names it, for example ``cpu`` or ``cuda:0``.
        precision: as the configuration names it, with ``auto`` decided.
        accelerator: its maker's name of it, where one was used.
    """
    return {
        "framework": framework,
        "git": _git(),
        "command": shlex.join(sys.argv),
        "data": data,
        "lock_sha256": _sha256(REPOSITORY / "uv.lock"),
        "hardware": {
            "device": device,
            "accelerator": accelerator,
            "cpu": _cpu_name(),
            "cores": os.cpu_count(),
            "threads": threads,
            "precision": precision,
            "platform": platform.platform(),
        },
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
    }


def _git() -> dict[str, Any] | None:
    """Commit, and whether tracked files differ from it; None outside a repository."""
    commit = _output("git", "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "dirty": bool(_output("git", "status", "--porcelain", "--untracked-files=no"))}


def _output(*command: str) -> str | None:
    try:
        result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
