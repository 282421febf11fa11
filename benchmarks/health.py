"""How soon health is answered, asked from a process of its own, and beside it how soon a server that does nothing else.

What a client in the same process as the load would measure is its own interpreter's lock; and where all cores are
busy, the server that does nothing says how long anybody waits for one.
"""

import asyncio
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles
from urllib.parse import urlsplit

SECONDS_BETWEEN = 0.01
PATIENCE = 60
_ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 18\r\n\r\n{"status":"alive"}'


@dataclass
class Milliseconds:
    """Of every answer: of the service, and of the control that was asked in turn with it."""

    service: list[float] = field(default_factory=list)
    control: list[float] = field(default_factory=list)


def summary(values: list[float]) -> str:
    """Median, 99th percentile and worst."""
    if not values:
        return "–"
    p99 = quantiles(values, n=100)[98] if len(values) > 1 else values[0]
    return f"{median(values):.1f}, {min(p99, max(values)):.1f}, {max(values):.1f}"


@contextmanager
def control() -> Iterator[str]:
    """The address of a server in a process of its own that answers every request alike, on the service's event loop."""
    process = subprocess.Popen([sys.executable, __file__, "control"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().decode().strip()
        process.stdin.close()


@contextmanager
def asked(service: str, control: str) -> Iterator[Milliseconds]:
    """Ask both addresses in turn, on new connections, until the end of the block, then fill what was yielded."""
    command = [sys.executable, __file__, "ask", service, control]
    found = Milliseconds()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield found
        said, _ = process.communicate()
        found.service, found.control = json.loads(said)


def ask(address: str, path: str = "/health/live") -> float:
    """Milliseconds from the first packet of a new connection to the whole answer, which must be good."""
    where = urlsplit(address)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    started = time.perf_counter()
    connection = kind(where.hostname or "", where.port, timeout=PATIENCE)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{path} answered {response.status}")
    return (time.perf_counter() - started) * 1000


def _ask_until_told(addresses: list[str]) -> None:
    stop = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    found: list[list[float]] = [[ask(address)] for address in addresses]
    print("ready", flush=True)
    while not stop.wait(SECONDS_BETWEEN):
        for address, values in zip(addresses, found, strict=True):
            values.append(ask(address))
    print(json.dumps(found), flush=True)


async def _do_nothing_else() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        _ask_until_told(sys.argv[2:])
    else:
        import uvloop

        uvloop.run(_do_nothing_else())
