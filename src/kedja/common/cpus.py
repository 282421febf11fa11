"""How many CPUs this process may really use: affinity and the control group's quota, not the host's count."""

import math
import os
from pathlib import Path


def available(root: Path = Path("/")) -> int:
    """At least one; the smaller of the CPU affinity and the control group's quota, rounded up.

    Args:
        root: where `proc/` and `sys/` are found (tests draw their own).
    """
    try:
        affinity = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity call
        affinity = os.cpu_count() or 1
    quotas = [*_quotas_v2(root), *_quotas_v1(root)]
    return max(1, min([affinity, *(math.ceil(quota) for quota in quotas)]))


def _quotas_v2(root: Path) -> list[float]:
    """CPUs allowed by `cpu.max` of this process's group and of each group above it."""
    quotas = []
    for folder in _groups(root, "", "sys/fs/cgroup"):
        for line in _lines(folder / "cpu.max"):
            quota, _, period = line.partition(" ")
            if quota.isdigit() and period.isdigit():
                quotas.append(int(quota) / int(period))
    return quotas


def _quotas_v1(root: Path) -> list[float]:
    """The same of the first version's two files; a quota of -1 means none."""
    quotas = []
    for folder in _groups(root, "cpu", "sys/fs/cgroup/cpu"):
        quota = "".join(_lines(folder / "cpu.cfs_quota_us")[:1])
        period = "".join(_lines(folder / "cpu.cfs_period_us")[:1])
        if quota.isdigit() and period.isdigit() and int(period):
            quotas.append(int(quota) / int(period))
    return quotas


def _groups(root: Path, controller: str, mounted: str) -> list[Path]:
    """The folder of this process's group and those above it; of a group outside the container, what is mounted."""
    base = root / mounted
    lines = (line.split(":", 2) for line in _lines(root / "proc/self/cgroup"))
    group = next((path for _, names, path in lines if controller in names.split(",")), "/")
    here = base / group.lstrip("/")
    return [folder for folder in (here, *here.parents) if folder.is_relative_to(base)]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
