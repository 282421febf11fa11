import json
import os
from pathlib import Path

import pytest

from kedja.training.checks.energy import EnergyMeter
from kedja.training.loop.train import train

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the kernel's names hold colons")


def zone(powercap: Path, folder: str, name: str, microjoules: int) -> Path:
    """A zone as the kernel shows it."""
    path = powercap / folder
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    (path / "max_energy_range_uj").write_text("1000000000\n")
    return path / "energy_uj"


def test_packages_and_memory_count_and_nothing_twice(tmp_path):
    counters = [
        zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000),
        zone(tmp_path, "intel-rapl:0:0", "core", 1_000_000),
        zone(tmp_path, "intel-rapl:0:1", "dram", 2_000_000),
        zone(tmp_path, "intel-rapl:1", "package-1", 0),
        zone(tmp_path, "intel-rapl:2", "psys", 0),
        zone(tmp_path, "intel-rapl-mmio:0", "package-0", 0),
    ]
    meter = EnergyMeter(None, tmp_path)
    for counter in counters:
        counter.write_text(str(int(counter.read_text()) + 1_500_000))
    assert meter.joules() == {"cpu": pytest.approx(4.5)}
    assert meter.joules() == {"cpu": 0.0}
    assert meter.unreadable == {}


def test_a_counter_that_began_anew(tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 999_000_000)
    meter = EnergyMeter(None, tmp_path)
    counter.write_text("2000000")
    assert meter.joules() == {"cpu": pytest.approx(3.0)}


def test_a_machine_without_counters_says_so(tmp_path):
    meter = EnergyMeter(None, tmp_path / "nothing")
    assert meter.joules() == {}
    assert meter.unreadable == {"cpu": "this machine shows no RAPL counters"}


def test_counters_for_root_alone_say_so(tmp_path, monkeypatch):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    if os.geteuid() == 0:  # who may read everything
        read_text = Path.read_text

        def refuse(self, *arguments, **keywords):
            if self == counter:
                raise PermissionError(13, "Permission denied", str(self))
            return read_text(self, *arguments, **keywords)

        monkeypatch.setattr(Path, "read_text", refuse)
    else:
        counter.chmod(0)
    meter = EnergyMeter(None, tmp_path)
    assert meter.joules() == {}
    assert meter.unreadable == {"cpu": f"only root may read {counter}"}


def test_a_counter_that_goes_away_ends_no_run(tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    meter = EnergyMeter(None, tmp_path)
    counter.unlink()
    assert meter.joules() == {}
    assert meter.unreadable["cpu"].startswith("no longer readable: ")


def test_a_run_keeps_its_joules(workplace, debug, tmp_path, monkeypatch):
    """Every look at this counter takes a joule more."""
    counter = zone(tmp_path / "powercap", "intel-rapl:0", "package-0", 0)
    read_text = Path.read_text

    def grow(self, *arguments, **keywords):
        text = read_text(self, *arguments, **keywords)
        if self == counter:
            counter.write_text(str(int(text) + 1_000_000))
        return text

    monkeypatch.setattr(Path, "read_text", grow)
    monkeypatch.setattr(EnergyMeter.__init__, "__defaults__", (tmp_path / "powercap",))
    summary = json.loads((train(debug("epochs=3")) / "summary.json").read_text())
    assert summary["energy"] == {"joules": {"cpu": 4.0}, "unreadable": {}}  # three epochs and the last checkpoint
