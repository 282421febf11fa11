"""Ask a service for its golden answers; without `url`, one is started for the purpose: `just smoke`."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.bundle.errors import KedjaError
from kedja.delivery import smoke


@dataclass
class Options:
    """just smoke: post the bundle's golden examples to a service and compare its answers with training's."""

    bundle: Path = cli.option(Path("bundle"), "the bundle that is served", "path")
    url: str | None = cli.option(
        None, "a running service; without one, a service is started and stopped", "http://host:port"
    )
    seconds: float = cli.option(30.0, "how long it may take to get ready")


def main(options: Options) -> None:
    """Start where needed, wait, ask, stop."""
    with ExitStack() as stack:
        address, alive = options.url, lambda: True
        if address is None:
            server, address = start(options.bundle, stack)
            alive = lambda: server.poll() is None  # noqa: E731 - one word for both cases
        ready = smoke.wait_until_ready(address.rstrip("/"), options.seconds, alive)
        largest = smoke.ask_golden(address.rstrip("/"), options.bundle)
        print(f"{address}: ready after {ready:.2f} s; golden answers right, largest difference {largest:.1e}")
        if options.url is None:
            server.terminate()
            if server.wait(timeout=30) != 0:
                raise KedjaError(f"the service ended with status {server.returncode}")


def start(bundle: Path, stack: ExitStack) -> "tuple[subprocess.Popen[bytes], str]":
    """A service on a free port; it ends with the stack whatever happens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "kedja.serving", f"bundle={bundle}", f"port={port}"]
    server = subprocess.Popen(command, env=os.environ | {"KEDJA_ACCESS_LOG": "false"})
    stack.callback(lambda: server.poll() is None and server.kill())
    return server, f"http://127.0.0.1:{port}"


if __name__ == "__main__":
    cli.run(main, Options)
