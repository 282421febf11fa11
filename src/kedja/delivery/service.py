"""A service of one's own, started for a check and stopped after it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kedja.common.errors import KedjaError
from kedja.delivery.smoke import wait_until_ready

_STOPS_WITHIN = 30  # seconds


@contextmanager
def running(bundle: Path, seconds: float = 30) -> Iterator[tuple[str, float]]:
    """`http://127.0.0.1:<free port>` of a server process for `bundle`, and the seconds until it was ready.

    Raises:
        KedjaError: it died, was not ready within `seconds`, or did not stop cleanly at the end.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "kedja.serving", f"bundle={bundle}", "host=127.0.0.1", f"port={port}"]
    server = subprocess.Popen(command, env=os.environ | {"KEDJA_ACCESS_LOG": "false"})
    address = f"http://127.0.0.1:{port}"
    try:
        yield address, wait_until_ready(address, seconds, alive=lambda: server.poll() is None)
        server.terminate()
        if server.wait(_STOPS_WITHIN) != 0:
            raise KedjaError(f"the service ended with status {server.returncode}", "its message is above")
    finally:
        # Whatever happened above, no process stays behind.
        server.kill()
        server.wait()
