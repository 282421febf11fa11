"""Joules, where the hardware counts them: RAPL for processors, NVML for NVIDIA's GPUs.

RAPL (`intel-rapl` in the kernel, AMD's processors too) counts whole packages and their memory: whatever else the
machine does meanwhile is in it. Source: Linux, Documentation/power/powercap/powercap.rst. NVML counts whole GPUs in
millijoules since the driver was loaded, from Volta on (`nvmlDeviceGetTotalEnergyConsumption`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
# A package contains its cores; memory stands beside it. Others (psys) contain the packages again.
COUNTED = ("package", "dram")


@dataclass
class Counter:
    """One counter of the hardware; `read` gives joules, and begins anew after `period` of them (0: never)."""

    read: Callable[[], float]
    period: float = 0.0
    last: float = field(init=False)

    def __post_init__(self) -> None:
        self.last = self.read()

    def joules(self) -> float:
        """Since the last call. Where the counter began anew more than once in between, that is lost."""
        now, last = self.read(), self.last
        self.last = now
        return now - last if now >= last else now - last + self.period


class EnergyMeter:
    """Counts from its making on; `unreadable` says of what there is no count (`cpu`, `gpu`) why."""

    def __init__(self, gpu: int | None, powercap: Path = POWERCAP) -> None:
        self.unreadable: dict[str, str] = {}
        self._counters: dict[str, list[Counter]] = {}
        self._find("cpu", lambda: rapl(powercap))
        if gpu is not None:
            self._find("gpu", lambda: [nvml(gpu)])

    def joules(self) -> dict[str, float]:
        """Joules of each part since the last call, to be called more often than counters begin anew (minutes)."""
        found = {}
        for part, counters in list(self._counters.items()):
            try:
                found[part] = sum(counter.joules() for counter in counters)
            except Exception as error:  # noqa: BLE001 - whatever a driver raises, a run does not end for its meter
                del self._counters[part]
                self.unreadable[part] = f"no longer readable: {error}"
        return found

    def _find(self, part: str, counters: Callable[[], list[Counter]]) -> None:
        try:
            self._counters[part] = counters()
        except PermissionError as error:
            self.unreadable[part] = f"only root may read {error.filename}"
        except ImportError:
            self.unreadable[part] = "nvidia-ml-py is not installed"
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, a run does not end for its meter
            self.unreadable[part] = str(error)


def rapl(powercap: Path) -> list[Counter]:
    """Every package and its memory.

    Raises:
        OSError: there are none, or they may not be read.
    """
    zones = [zone for zone in sorted(powercap.glob("intel-rapl:*")) if _text(zone / "name").startswith(COUNTED)]
    if not zones:
        raise OSError("this machine shows no RAPL counters")
    return [_zone(zone) for zone in zones]


def nvml(index: int) -> Counter:
    """That of CUDA's GPU number `index`.

    Raises:
        ImportError: nvidia-ml-py is not installed.
        Exception: pynvml's, where the GPU does not count.
    """
    import pynvml
    import torch

    pynvml.nvmlInit()
    # CUDA numbers the GPUs it may use, NVML all of them; the identity is the same.
    identity = str(torch.cuda.get_device_properties(index).uuid)
    device = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{identity}".encode())
    return Counter(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(device) / 1000)


def _zone(zone: Path) -> Counter:
    period = float(_text(zone / "max_energy_range_uj")) / 1e6
    return Counter(lambda: float(_text(zone / "energy_uj")) / 1e6, period)


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()
