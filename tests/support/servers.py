"""A real server in a process of its own."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """`python -m kedja.serving` with these arguments, on a free port; `said` is what it printed until it was ready."""

    def __init__(
        self,
        log: Path,
        *arguments: str,
        program: Sequence[str | Path] = ("-m", "kedja.serving"),
        cwd: Path | None = None,
        **variables: str,
    ) -> None:
        command = [sys.executable, *program, "port=0", *arguments]
        # Killed servers leave their temporary files where the test's own are.
        environment = {**os.environ, "KEDJA_THREADS": "2", "TMPDIR": str(log.parent), **variables}
        self.log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, cwd=cwd
            )
        self.said, found = "", None
        while not found and (line := self.process.stdout.readline()):
            self.said += line
            found = re.search(r"https?://(\S+):(\d+)", line)
        if not found:
            self.process.wait(30)
            self.process.stdout.close()
            pytest.fail(self.said + log.read_text())
        self.host, self.port = found[1], int(found[2])
        self.url = found[0]

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request on a connection of its own; `Content_Type=…` is a header."""
        with contextlib.closing(http.client.HTTPConnection(self.host, self.port, timeout=20)) as connection:
            connection.request(method, path, body, {key.replace("_", "-"): text for key, text in headers.items()})
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())

    def hang_decoders(self) -> list[psutil.Process]:
        """Stop the decoders that are at work, so that they hang on any machine, however fast; returns them."""
        process = psutil.Process(self.process.pid)
        wait_until(lambda: bool(process.children()))
        decoders = process.children()
        for decoder in decoders:
            decoder.suspend()
        return decoders

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal; the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(30)
        self.process.stdout.close()
        return status

    def end(self) -> None:
        """Kill it where the test did not stop it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.process.stdout.close()


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Look again and again; fail when it takes longer."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A port of the loopback address for a server that cannot take port 0 and say which it got.

    It is held until the block ends: the system gives it to nobody, but a server that asks for this very port, with
    the usual option to use addresses again, gets it.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])
