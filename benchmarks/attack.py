"""The requests of `expensive` against a running service: what each cost it, and how long health took meanwhile."""

import contextlib
import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from expensive import Attack, corpus
from health import Milliseconds, asked, control, summary
from kedja import cli
from kedja.common.errors import KedjaError
from kedja.delivery import service
from serving import publish, table

_PATIENCE = 120
_BETWEEN_LOOKS = 0.05


@dataclass
class Options:
    """Attack a service with requests that are small to send and dear to answer."""

    bundle: Path = cli.option(Path("bundle"), "what is served where `url` is not given", metavar="path")
    url: str | None = cli.option(
        None, "a running service; without one, a service is started and stopped", metavar="http://host:port"
    )
    each: float = cli.option(2.0, "how long each is sent again and again, alone; at least once")
    seconds: float = cli.option(60.0, "how long all of them are sent at once, after one by one; 0: not at all")
    memory: int = cli.option(805_306_368, "bytes that the service may take; it fails where it took more")
    reports: Path = cli.option(Path("reports"), "folder where the table is written")


@dataclass
class Cost:
    """What one attack took: statuses, slowest answer, processor seconds a request, health, peak bytes."""

    status: str
    answer: float
    processor: float
    health: Milliseconds
    memory: int


def main(options: Options) -> None:
    """One by one, then all at once; fails where the service died, took too much memory or no longer answers."""
    if options.url is None:
        with service.running(options.bundle) as (address, _):
            attack(address, options)
    else:
        attack(options.url.rstrip("/"), options)


def attack(address: str, options: Options) -> None:
    """Print the table.

    Raises:
        KedjaError: the service is not as it was, or took more than it may.
    """
    with control() as beside:
        watch = Watch(address, beside)
        attacks = list(corpus())
        rows = []
        for one in attacks:
            rows.append([one.name, f"{len(one.body) / 1e6:.2f}", *_words(cost_of([one], watch, options.each))])
            print(" | ".join(rows[-1]), flush=True)
        if options.seconds:
            cost = cost_of(attacks, watch, options.seconds)
            rows.append([f"all of them for {options.seconds:g} s", "", *_words(cost)])
    head = ["attack", "MB sent", "status", "answer s", "CPU s", "health ms", "control ms", "peak MB"]
    notes = "Health and control: median, 99th percentile and worst, asked in turn; the control does nothing else."
    publish("\n".join(["### What attacks cost", "", *table(head, rows), "", notes, ""]), options.reports / "attack.md")
    if post(address, "/health/ready", None) != "200":
        raise KedjaError(f"{address} is not ready after the attacks", "its log says why")
    if watch.most > options.memory:
        raise KedjaError(f"the service took {watch.most:,} bytes, more than memory={options.memory}")


def cost_of(attacks: list[Attack], watch: "Watch", seconds: float) -> Cost:
    """Of a request, from a client for each attack that sends it again and again for so long, at least once."""
    seen, slowest = Counter[str](), [0.0]
    end = time.monotonic() + seconds

    def repeat(one: Attack) -> None:
        while True:
            began = time.monotonic()
            seen[post(watch.address, "/predict", one)] += 1
            slowest.append(time.monotonic() - began)
            if time.monotonic() > end:
                break

    with watch.measured() as measured:
        clients = [threading.Thread(target=repeat, args=[one], daemon=True) for one in attacks]
        for client in clients:
            client.start()
        for client in clients:
            client.join(seconds + _PATIENCE)
    statuses = " ".join(sorted(seen))
    return Cost(statuses, max(slowest), measured.processor / seen.total(), measured.health, max(measured.memory))


def post(address: str, path: str, one: Attack | None) -> str:
    """The status of the answer, or why there is none."""
    where = urlsplit(address)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    with contextlib.closing(kind(where.hostname or "", where.port, timeout=_PATIENCE)) as connection:
        try:
            if one is None:
                connection.request("GET", path)
            else:
                connection.request("POST", path, one.body, {"Content-Type": one.content_type})
            return str(connection.getresponse().status)
        except OSError as error:  # refused in the middle of its upload
            return type(error).__name__


@dataclass
class Measured:
    """From the beginning of a block to its end."""

    processor: float = 0.0
    health: Milliseconds = field(default_factory=Milliseconds)
    memory: list[int] = field(default_factory=lambda: [0])


class Watch:
    """A service's processes, where they are on this machine, and its health."""

    def __init__(self, address: str, beside: str) -> None:
        self.address = address
        self.most = 0
        self._beside = beside
        self._process = _listening(urlsplit(address).port)

    @contextmanager
    def measured(self) -> Iterator[Measured]:
        found, stop = Measured(), threading.Event()
        watcher = threading.Thread(target=self._look, args=[found, stop])
        with asked(self.address, self._beside) as found.health:
            watcher.start()
            before = self._processor()
            yield found
            found.processor = self._processor() - before
        stop.set()
        watcher.join()
        self.most = max(self.most, *found.memory)

    def _look(self, found: Measured, stop: threading.Event) -> None:
        while not stop.is_set():
            found.memory.append(sum(_resident(one) for one in self._tree()))
            stop.wait(_BETWEEN_LOOKS)

    def _tree(self) -> list[psutil.Process]:
        try:
            return [self._process, *self._process.children(recursive=True)] if self._process else []
        except psutil.Error:
            return []

    def _processor(self) -> float:
        return sum(_seconds(one) for one in self._tree())


def _listening(port: int | None) -> psutil.Process | None:
    """The oldest process of ours that listens there."""
    found = {one.pid for one in psutil.net_connections("tcp") if one.status == "LISTEN" and one.laddr.port == port}
    return psutil.Process(min(pid for pid in found if pid)) if found - {None} else None


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _words(cost: Cost) -> list[str]:
    waited = [summary(cost.health.service), summary(cost.health.control)]
    return [cost.status, f"{cost.answer:.2f}", f"{cost.processor:.2f}", *waited, f"{cost.memory / 1e6:.0f}"]


if __name__ == "__main__":
    cli.run(main, Options)
