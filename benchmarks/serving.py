"""Kedja's service beside its peers: one bundle, one machine, one run, alternating, answers compared first.

Each peer that pins other versions gets an environment of its own in `.cache/peers/`. Load comes from wrk, over
kept connections, on the loopback address. Besides requests a second, the CPU time that a server's processes
spend on a request is printed: unlike the first, it hardly depends on what else the machine does.
"""

import os
import platform
import shutil
import subprocess
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from kedja import cli
from kedja.bundle import metadata
from kedja.common import cpus, files
from kedja.common.errors import KedjaError
from serving_load import Load, Measurement, RequestsFailedError, bodies
from serving_servers import ROOT, SERVERS, Running, Server, prepare


@dataclass
class Options:
    """Measure the service beside its peers, on the loopback address."""

    bundle: Path = cli.option(Path("bundle"), "what is served")
    case: Literal["upload", "base64", "pixels"] = cli.option("upload", "how images are sent")
    servers: list[str] = cli.option(list(SERVERS), "which ones, ours first")
    concurrency: list[int] = cli.option([1, 16, 64, 256], "connections at once")
    seconds: float = cli.option(4.0, "for each server and concurrency")
    rounds: int = cli.option(3, "how often all servers take their turn")
    reports: Path = cli.option(ROOT / "reports", "folder where the tables are written")
    install: bool = cli.option(False, "install wrk by apt-get where it is missing")


HEADER = ["server", "conns", "req/s", "p50 ms", "p99 ms", "CPU ms/req", "ours ÷ its req/s", "its CPU ÷ ours"]


def main(options: Options) -> None:
    unknown = set(options.servers) - set(SERVERS)
    if unknown:
        raise KedjaError(f"servers={','.join(sorted(unknown))} is not known", f"known: {', '.join(SERVERS)}")
    servers = [name for name in options.servers if options.case in SERVERS[name].paths]
    find_wrk(options.install)
    for name in servers:
        prepare(SERVERS[name])
    comparison = Comparison(options)
    for turn in range(options.rounds):
        for name in servers if turn % 2 == 0 else reversed(servers):
            comparison.take_turn(SERVERS[name])
    publish(comparison.report(servers), options.reports / f"serving-{options.case}.md")


def find_wrk(install: bool) -> None:
    """Raises KedjaError where there is none."""
    if shutil.which("wrk"):
        return
    if not install:
        raise KedjaError("wrk is not installed", "apt-get install wrk, brew install wrk, or install=true")
    subprocess.run(["sudo", "apt-get", "install", "--yes", "--quiet", "wrk"], check=True)


def publish(report: str, path: Path) -> None:
    """Print the report and write it to a file and, on GitHub's runners, to the summary of the job."""
    print(f"\n{report}")
    files.write_text(path, report)
    if "GITHUB_STEP_SUMMARY" in os.environ:
        with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as summary:
            summary.write(f"{report}\n")


class Comparison:
    """Every server's measurements, by its name and the number of connections."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.metadata = metadata.load(options.bundle)
        self.results: dict[tuple[str, int], list[Measurement | None]] = defaultdict(list)
        self.starts: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def take_turn(self, server: Server) -> None:
        """Start it, compare its answers with the golden ones, measure, stop it."""
        options = self.options
        content = bodies(options.bundle, self.metadata, options.case, server.protocol)
        with tempfile.TemporaryDirectory() as folder, Running(server, options.bundle, Path(folder)) as running:
            running.wait_until_right(options.case, content)
            load = Load(running, options.case, content, Path(folder))
            rates = []
            for concurrency in options.concurrency:
                measured = self.measure(load, concurrency)
                self.results[server.name, concurrency].append(measured)
                rates.append(f"{measured.rate:.0f}/s at {concurrency}" if measured else f"failed at {concurrency}")
            self.starts[server.name].append((running.seconds_to_ready, running.resident_megabytes()))
        print(f"  {server.name}: {', '.join(rates)}", flush=True)

    def measure(self, load: Load, concurrency: int) -> Measurement | None:
        """None where a request failed; the others are measured all the same."""
        try:
            return load.measure(concurrency, self.options.seconds)
        except RequestsFailedError as error:
            print(f"  {error} at {concurrency} connections", flush=True)
            return None

    def report(self, servers: list[str]) -> str:
        """Two tables in Markdown."""
        options = self.options
        rows = [self.row(servers[0], name, concurrency) for name in servers for concurrency in options.concurrency]
        lines = [
            f"### {self.metadata.name} ({self.metadata.version}), case={options.case}",
            "",
            f"{options.rounds} rounds of {options.seconds:g} s; medians, ratios within a round with their range;",
            f"{cpus.available()} CPUs, {platform.processor() or platform.machine()}, {platform.platform()}",
            "",
            *table(HEADER, rows),
            "",
            *table(["server", "s to ready", "MB under load"], [self.start_row(name) for name in servers]),
        ]
        return "\n".join(lines) + "\n"

    def row(self, ours: str, name: str, concurrency: int) -> list[str]:
        turns = zip(self.results[ours, concurrency], self.results[name, concurrency], strict=True)
        theirs = [measured for measured in self.results[name, concurrency] if measured]
        if not theirs:
            return [name, str(concurrency), "failed", *["–"] * (len(HEADER) - 3)]
        both = [(mine, its) for mine, its in turns if mine and its]
        return [
            name,
            str(concurrency),
            f"{median(m.rate for m in theirs):.0f}",
            f"{median(m.p50_ms for m in theirs):.1f}",
            f"{median(m.p99_ms for m in theirs):.1f}",
            f"{median(m.cpu_ms for m in theirs):.2f}",
            spread([mine.rate / its.rate for mine, its in both]),
            spread([its.cpu_ms / mine.cpu_ms for mine, its in both]),
        ]

    def start_row(self, name: str) -> list[str]:
        seconds, megabytes = zip(*self.starts[name], strict=True)
        return [name, f"{median(seconds):.2f}", f"{max(megabytes):.0f}"]


def spread(ratios: list[float]) -> str:
    """Median and range; a dash where one of the two failed each time."""
    return f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})" if ratios else "–"


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows)]


if __name__ == "__main__":
    cli.run(main, Options)
