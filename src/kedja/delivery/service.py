"""A service of one's own, started for a check and stopped after it."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

from kedja.common.errors import KedjaError
from kedja.delivery.smoke import wait_until_ready

_STOPS_WITHIN = 30  # seconds


@contextmanager
def running(bundle: Path, seconds: float = 30) -> Iterator[tuple[str, float]]:
    """`http://127.0.0.1:<port>` of a server process for `bundle`, and the seconds until it was ready.

    Raises:
        KedjaError: it died, was not ready within `seconds`, or did not stop cleanly at the end.
    """
    command = [sys.executable, "-m", "kedja.serving", f"bundle={bundle}", "host=127.0.0.1", "port=0"]
    started = time.monotonic()
    server = subprocess.Popen(command, env=os.environ | {"KEDJA_ACCESS_LOG": "false"}, stdout=subprocess.PIPE)
    try:
        address = _address(server, seconds)
        wait_until_ready(address, seconds, alive=lambda: server.poll() is None)
        yield address, time.monotonic() - started
        server.terminate()
        if server.wait(_STOPS_WITHIN) != 0:
            raise KedjaError(f"the service ended with status {server.returncode}", "its message is above")
    finally:
        # Whatever happened above, no process stays behind.
        server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()


def _address(server: "subprocess.Popen[bytes]", seconds: float) -> str:
    """Where it says that it serves, once it is ready: the port is its own choice."""
    assert server.stdout is not None
    # A pipe that is silent must not hold us for ever: whoever reads it is left behind.
    lines: Queue[bytes] = Queue()
    threading.Thread(target=lambda: lines.put(server.stdout.readline()), daemon=True).start()  # type: ignore[union-attr]
    try:
        found = re.search(rb"https?://\S+", lines.get(timeout=seconds))
    except Empty:
        raise KedjaError(f"the service was not ready within {seconds:g} s") from None
    if found is None:
        server.wait(_STOPS_WITHIN)
        raise KedjaError(
            f"the service ended before it was ready, with status {server.returncode}", "its message is above"
        )
    return found[0].decode()
