"""Which accelerator this machine has, found without any package installed."""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["nvidia", "amd", "apple", "none"]


@dataclass(frozen=True)
class Hardware:
    """An accelerator: what kind, what it calls itself, and the NVIDIA driver's major version where there is one."""

    kind: Kind
    names: tuple[str, ...] = ()
    driver: int | None = None

    def __str__(self) -> str:
        """One line for people."""
        machine = f"{platform.system()} on {platform.machine()}, {os.cpu_count()} CPU cores"
        if self.kind == "none":
            return f"no GPU ({machine})"
        driver = f", driver {self.driver}" if self.driver else ""
        maker = {"nvidia": "NVIDIA", "amd": "AMD", "apple": "Apple"}[self.kind]
        return f"{maker}: {', '.join(self.names) or 'a GPU'}{driver} ({machine})"


def kind() -> Kind:
    """The kind alone, from files and paths: takes no measurable time."""
    if sys.platform == "darwin":
        return "apple" if platform.machine() == "arm64" else "none"
    if Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi"):
        return "nvidia"
    if Path("/dev/kfd").exists():
        return "amd"
    return "none"


def detect() -> Hardware:
    """The kind, with names and driver as far as the machine tells them."""
    found = kind()
    if found == "apple":
        return Hardware("apple", (_ask(["sysctl", "-n", "machdep.cpu.brand_string"]) or "Apple silicon",))
    if found == "nvidia":
        return _nvidia()
    if found == "amd":
        products = _ask(["rocm-smi", "--showproductname", "--csv"]).splitlines()[1:]
        return Hardware("amd", tuple(line.split(",")[1] for line in products if "," in line))
    return Hardware("none")


def _nvidia() -> Hardware:
    rows = _ask(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]).splitlines()
    cells = [[cell.strip() for cell in row.split(",")] for row in rows if row.count(",") == 1]
    if not cells:
        # nvidia-smi is there and sees no card (no card, or the driver is not loaded): that is a machine without one.
        return Hardware("nvidia") if Path("/dev/nvidiactl").exists() else Hardware("none")
    major = cells[0][1].split(".")[0]
    return Hardware("nvidia", tuple(name for name, _ in cells), int(major) if major.isdigit() else None)


def _ask(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
