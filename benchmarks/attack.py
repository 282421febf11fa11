"""The requests of `expensive` against a running service: what each cost it, and how long health took meanwhile."""

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from expensive import Attack, corpus
from kedja import cli
from kedja.common.errors import KedjaError
from kedja.delivery import service
from serving import publish, table

_PATIENCE = 120
_BETWEEN_LOOKS = 0.02


@dataclass
class Options:
    """Attack a service with requests that are small to send and dear to answer."""

    bundle: Path = cli.option(Path("bundle"), "what is served where `url` is not given", metavar="path")
    url: str | None = cli.option(
        None, "a running service; without one, a service is started and stopped", metavar="http://host:port"
    )
    seconds: float = cli.option(60.0, "how long all of them are sent at once, after one by one; 0: not at all")
    memory: int = cli.option(805_306_368, "bytes that the service may take; it fails where it took more")
    reports: Path = cli.option(Path("reports"), "folder where the table is written")


@dataclass
class Cost:
    """What one attack took: status, seconds of answer, processor and slowest health, and bytes at the peak."""

    status: str
    answer: float
    processor: float
    health: float
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
    watch = Watch(address)
    attacks = list(corpus())
    rows = [[one.name, f"{len(one.body) / 1e6:.2f}", *_words(cost_of(one, watch))] for one in attacks]
    if options.seconds:
        rows.append(
            [f"all of them for {options.seconds:g} s", "", *_words(all_at_once(attacks, watch, options.seconds))]
        )
    head = ["attack", "MB sent", "status", "answer s", "CPU s", "health ms", "peak MB"]
    publish("\n".join(["### What attacks cost", "", *table(head, rows), ""]), options.reports / "attack.md")
    if post(address, "/health/ready", None) != "200":
        raise KedjaError(f"{address} is not ready after the attacks", "its log says why")
    if watch.most > options.memory:
        raise KedjaError(f"the service took {watch.most:,} bytes, more than memory={options.memory}")


def cost_of(one: Attack, watch: "Watch") -> Cost:
    """Of one request, with nothing beside it."""
    with watch.measured() as measured:
        status = post(watch.address, "/predict", one)
    return measured.cost(status)


def all_at_once(attacks: list[Attack], watch: "Watch", seconds: float) -> Cost:
    """A client for each attack, again and again."""
    end = time.monotonic() + seconds
    seen: set[str] = set()

    def repeat(one: Attack) -> None:
        while time.monotonic() < end:
            seen.add(post(watch.address, "/predict", one))

    with watch.measured() as measured:
        clients = [threading.Thread(target=repeat, args=[one], daemon=True) for one in attacks]
        for client in clients:
            client.start()
        for client in clients:
            client.join(seconds + _PATIENCE)
    return measured.cost(" ".join(sorted(seen)))


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

    answer: float = 0.0
    processor: float = 0.0
    health: list[float] = field(default_factory=lambda: [0.0])
    memory: list[int] = field(default_factory=lambda: [0])

    def cost(self, status: str) -> Cost:
        return Cost(status, self.answer, self.processor, max(self.health), max(self.memory))


class Watch:
    """A service's processes, where they are on this machine, and its health."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.most = 0
        self._process = _listening(urlsplit(address).port)

    @contextmanager
    def measured(self) -> Iterator[Measured]:
        found, stop = Measured(), threading.Event()
        watchers = [threading.Thread(target=work, args=[found, stop]) for work in (self._ask, self._look)]
        for watcher in watchers:
            watcher.start()
        began, before = time.monotonic(), self._processor()
        yield found
        found.answer, found.processor = time.monotonic() - began, self._processor() - before
        stop.set()
        for watcher in watchers:
            watcher.join()
        self.most = max(self.most, *found.memory)

    def _ask(self, found: Measured, stop: threading.Event) -> None:
        while not stop.is_set():
            began = time.monotonic()
            post(self.address, "/health/live", None)
            found.health.append(time.monotonic() - began)
            stop.wait(_BETWEEN_LOOKS)

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
    numbers = f"{cost.answer:.2f}", f"{cost.processor:.2f}", f"{cost.health * 1000:.0f}", f"{cost.memory / 1e6:.0f}"
    return [cost.status, *numbers]


if __name__ == "__main__":
    cli.run(main, Options)
