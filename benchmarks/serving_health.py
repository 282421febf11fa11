"""How soon does the service say that it is well while it is under full load?

Load by wrk in a process of its own over kept connections; beside it /health/live and /health/ready are asked in turn
on new connections, as an orchestrator would, every 20 ms. All on the loopback address.
"""

import http.client
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Literal

from kedja import cli
from kedja.bundle import metadata
from serving_load import Load, bodies
from serving_servers import SERVERS, Running

ADDRESSES = ("/health/live", "/health/ready")
SECONDS_BETWEEN = 0.02


@dataclass
class Options:
    """Measure how soon health is answered, without load and under it."""

    bundle: Path = cli.option(Path("bundle"), "what is served")
    case: Literal["upload", "base64", "pixels"] = cli.option("upload", "how images are sent")
    concurrency: list[int] = cli.option([16, 64], "connections at once")
    seconds: float = cli.option(8.0, "for each concurrency")
    limit: float = cli.option(50.0, "milliseconds within which 99 of 100 are to be answered")


def main(options: Options) -> int:
    content = bodies(options.bundle, metadata.load(options.bundle), options.case, "plain")
    with (
        tempfile.TemporaryDirectory() as folder,
        Running(SERVERS["kedja"], options.bundle, Path(folder)) as running,
    ):
        running.wait_until_right(options.case, content)
        load = Load(running, options.case, content, Path(folder))
        print("| connections | predictions/s | health answers | p50 ms | p99 ms | most ms |\n|---|---|---|---|---|---|")
        worst = show(0, 0.0, ask_for(running.port, seconds=2.0))
        for concurrency in options.concurrency:
            probe = Probe(running.port)
            rate = load.measure(concurrency, options.seconds).rate
            worst = max(worst, show(concurrency, rate, probe.finish()))
    print(f"p99 {worst:.1f} ms, the limit is {options.limit:g} ms")
    return 1 if worst > options.limit else 0


class Probe:
    """Asks in a thread until it is told to stop."""

    def __init__(self, port: int) -> None:
        self._stop = threading.Event()
        self._milliseconds: list[float] = []
        self._thread = threading.Thread(target=self._run, args=[port])
        self._thread.start()

    def finish(self) -> list[float]:
        self._stop.set()
        self._thread.join()
        return self._milliseconds

    def _run(self, port: int) -> None:
        while not self._stop.wait(SECONDS_BETWEEN):
            for address in ADDRESSES:
                self._milliseconds.append(ask(port, address))


def ask_for(port: int, seconds: float) -> list[float]:
    probe = Probe(port)
    time.sleep(seconds)
    return probe.finish()


def ask(port: int, address: str) -> float:
    """Milliseconds from the first packet of a new connection to the whole answer, which must be good."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", address)
    response = connection.getresponse()
    response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{address} answered {response.status}")
    return (time.perf_counter() - started) * 1000


def show(concurrency: int, rate: float, milliseconds: list[float]) -> float:
    """One line of the table; its p99."""
    p99 = quantiles(milliseconds, n=100)[98]
    figures = f"{median(milliseconds):.1f} | {p99:.1f} | {max(milliseconds):.1f}"
    print(f"| {concurrency} | {rate:.0f} | {len(milliseconds)} | {figures} |", flush=True)
    return p99


if __name__ == "__main__":
    cli.run(main, Options)
