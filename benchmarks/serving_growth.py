"""How the cost of serving grows: with processes, with the size of batches, with the model, and from int8.

The first bundle is served with each setting, every further bundle with the defaults. Settings take turns, so that what
else the machine does meets all of them; requests a second, latency, processor time and memory stand side by side.
"""

import platform
import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Literal

from kedja import cli
from kedja.bundle import metadata
from kedja.common import cpus
from kedja.serving.settings import Settings
from serving import find_wrk, publish, spread, table
from serving_load import Load, Measurement, bodies
from serving_servers import EXACT, ROOT, SERVERS, Running

INT8 = "int8"
HEADER = ["model", "setting", "req/s", "p50 ms", "p99 ms", "CPU ms/req", "MB under load", "s to ready"]
HEADER += ["÷ the defaults' req/s"]


@dataclass
class Options:
    """Measure the service with one setting after the other, on the loopback address."""

    bundles: list[Path] = cli.option([Path("bundle")], "what is served; settings are tried with the first")
    case: Literal["upload", "base64", "pixels"] = cli.option("upload", "how images are sent")
    workers: list[int] = cli.option([1, 2, 3, 4], "numbers of processes")
    batches: list[int] = cli.option([1, 2, 4, 8, 16, 32], "sizes of batches")
    connections: int = cli.option(64, "at once")
    seconds: float = cli.option(4.0, "for each setting")
    rounds: int = cli.option(3, "how often all settings take their turn")
    reports: Path = cli.option(ROOT / "reports", "folder where the table is written")
    install: bool = cli.option(False, "install wrk by apt-get where it is missing")


@dataclass(frozen=True)
class Setting:
    """What is served, and the one of the service's keys that differs from the defaults."""

    bundle: Path
    key: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.key}={self.value}" if self.key else "defaults"

    @property
    def workers(self) -> int:
        """Processes that answer."""
        return int(self.value) if self.key == "workers" else Settings.workers

    @property
    def tolerance(self) -> float:
        """How far probabilities may be from the golden ones."""
        return metadata.load(self.bundle).model_file(INT8)[1] if self.value == INT8 else EXACT


def main(options: Options) -> None:
    find_wrk(options.install)
    growth = Growth(options)
    everything = settings(options)
    for turn in range(options.rounds):
        for setting in everything if turn % 2 == 0 else reversed(everything):
            growth.take_turn(setting)
    publish(growth.report(everything), options.reports / f"serving-growth-{options.case}.md")


def settings(options: Options) -> list[Setting]:
    """The defaults, then what differs from them in one thing."""
    first = options.bundles[0]
    values: list[tuple[str, object]] = [("workers", count) for count in options.workers if count != Settings.workers]
    values += [("max_batch", size) for size in options.batches if size != Settings.max_batch]
    values += [("variant", INT8)] if INT8 in metadata.load(first).variants else []
    return [
        Setting(first),
        *(Setting(first, key, str(value)) for key, value in values),
        *map(Setting, options.bundles[1:]),
    ]


class Growth:
    """What was measured of every setting, a value a round."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.results: dict[Setting, list[Measurement]] = defaultdict(list)
        self.starts: dict[Setting, list[tuple[float, float]]] = defaultdict(list)

    def take_turn(self, setting: Setting) -> None:
        """Start the service so, compare its answers with the golden ones, measure, stop it."""
        options = self.options
        server = replace(
            SERVERS["kedja"], command=[*SERVERS["kedja"].command, *([str(setting)] if setting.key else [])]
        )
        content = bodies(setting.bundle, metadata.load(setting.bundle), options.case, server.protocol)
        with tempfile.TemporaryDirectory() as folder, Running(server, setting.bundle, Path(folder)) as running:
            running.wait_until_right(options.case, content, setting.tolerance)
            running.wait_for_processes(setting.workers)
            measured = Load(running, options.case, content, Path(folder)).measure(options.connections, options.seconds)
            self.results[setting].append(measured)
            self.starts[setting].append((running.resident_megabytes(), running.seconds_to_ready))
        print(f"  {setting.bundle} {setting}: {measured.rate:.0f}/s", flush=True)

    def report(self, everything: list[Setting]) -> str:
        """A table in Markdown."""
        options = self.options
        lines = [
            f"{options.rounds} rounds of {options.seconds:g} s, {options.case}, {options.connections} connections;",
            f"{cpus.available()} CPUs, {platform.processor() or platform.machine()}, {platform.platform()}",
            "",
            *table(HEADER, [self.row(setting, everything[0]) for setting in everything]),
        ]
        return "\n".join(lines) + "\n"

    def row(self, setting: Setting, defaults: Setting) -> list[str]:
        measured, loaded = self.results[setting], metadata.load(setting.bundle)
        megabytes, seconds = zip(*self.starts[setting], strict=True)
        ratios = [one.rate / other.rate for one, other in zip(measured, self.results[defaults], strict=True)]
        return [
            f"{loaded.name}, {(setting.bundle / 'model.onnx').stat().st_size / 1e6:.1f} MB",
            str(setting),
            f"{median(m.rate for m in measured):.0f}",
            f"{median(m.p50_ms for m in measured):.1f}",
            f"{median(m.p99_ms for m in measured):.1f}",
            f"{median(m.cpu_ms for m in measured):.2f}",
            f"{max(megabytes):.0f}",
            f"{median(seconds):.2f}",
            spread(ratios),
        ]


if __name__ == "__main__":
    cli.run(main, Options)
