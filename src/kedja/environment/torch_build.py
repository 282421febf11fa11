"""Which build of PyTorch fits this machine.

The lock pins the build that PyPI has: CUDA on Linux, CPU on Windows, CPU and MPS on macOS. PyTorch's own index
has others (`cpu`, `cu130`, `rocm6.4`, …), which uv reaches by name with `--torch-backend`; their hashes are not in
the lock.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

from kedja.common.errors import KedjaError
from kedja.environment.hardware import Hardware

# Packages that only the locked CUDA build of Linux needs, beside torch and torchvision themselves.
ACCELERATOR_PACKAGES = re.compile(r"(torch|torchvision|triton|nvidia-.+|cuda-.+)")

# The oldest driver (major version) that runs a CUDA major version. Source: NVIDIA, "CUDA Compatibility",
# section "Minor Version Compatibility".
OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}

_BUILD = re.compile(r"auto|locked|cpu|cu\d{3}|rocm\d+(\.\d+)*|xpu")


@dataclass(frozen=True)
class Choice:
    """`locked`, or a name that `uv pip install --torch-backend` knows; and the reason, for people."""

    build: str
    why: str


def check(request: str) -> str:
    """The request itself.

    Raises:
        KedjaError: no build has such a name.
    """
    if not _BUILD.fullmatch(request):
        raise KedjaError(f"torch={request} names no build", "one of auto, locked, cpu, cu126, cu130, rocm6.4, xpu, …")
    return request


def choose(
    request: str, hardware: Hardware, cuda: int | None, reachable: Callable[[], bool], platform: str = sys.platform
) -> Choice:
    """The build for this machine.

    Args:
        request: what the user asked for; `auto` leaves it to the hardware.
        hardware: what the machine has.
        cuda: CUDA major version of the locked build, None where it has none.
        reachable: whether PyTorch's own index answers; asked only when the answer matters.
        platform: as `sys.platform`.
    """
    if request != "auto":
        return Choice(request, "as you asked")
    if platform == "darwin":
        return Choice("locked", "it runs on the GPU (MPS) and on the CPU")
    if hardware.kind == "nvidia":
        return _for_nvidia(hardware, cuda, reachable, platform)
    if hardware.kind == "amd":
        if reachable():
            return Choice("auto", "PyTorch's ROCm build for this card")
        return Choice(
            "locked", "PyTorch's own index, which has the ROCm build, cannot be reached; this one runs on the CPU"
        )
    if platform == "win32":
        return Choice("locked", "no GPU was found, and it is the CPU build")
    if reachable():
        return Choice("cpu", "no GPU was found, and the CPU build is much smaller")
    return Choice(
        "locked", "no GPU was found, and PyTorch's own index, which has the smaller CPU build, cannot be reached"
    )


def _for_nvidia(hardware: Hardware, cuda: int | None, reachable: Callable[[], bool], platform: str) -> Choice:
    oldest = OLDEST_DRIVER.get(cuda or 0, 0)
    if platform != "win32" and (hardware.driver is None or hardware.driver >= oldest):
        return Choice("locked", f"it is built for CUDA {cuda}, which this driver runs")
    reason = "the locked build has no CUDA" if platform == "win32" else f"CUDA {cuda} needs driver {oldest} or newer"
    if reachable():
        return Choice("auto", f"{reason}; PyTorch's own index has a build for driver {hardware.driver}")
    return Choice("locked", f"{reason}, and PyTorch's own index cannot be reached: it will run on the CPU")
