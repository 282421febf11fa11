"""A bundle behind an address: uvicorn around the application, signals and sockets."""

import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from types import FrameType

import uvicorn

from kedja.bundle.errors import KedjaError
from kedja.serving import logs
from kedja.serving.app import create_app
from kedja.serving.predictor import Predictor
from kedja.serving.settings import Settings

BACKLOG = 2048


def serve(settings: Settings) -> None:
    """Verify the bundle, listen, and answer until SIGINT or SIGTERM; what was accepted is answered first.

    Raises:
        KedjaError: the bundle is not good, or the address cannot be had.
    """
    logs.configure()
    predictor = Predictor(settings.bundle)
    listener = listen(settings.host, settings.port)
    config = uvicorn.Config(
        create_app(settings, predictor),
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        ws="none",
        timeout_graceful_shutdown=int(settings.deadline) + 1,
    )
    print(f"kedja serves {predictor.metadata.name} ({predictor.metadata.version}) at {address(listener)}", flush=True)
    print(f"  page {address(listener)}/   documentation {address(listener)}/docs", flush=True)
    QuietServer(config).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, IPv4 or IPv6 as the host says.

    Raises:
        KedjaError: the address is taken, forbidden, or not this machine's.
    """
    try:
        family, *_, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise KedjaError(f"host={host} is no address of this machine: {error.strerror or error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise KedjaError(f"cannot listen on {host}:{port}: {error.strerror}", "choose another with port=…") from None
    listener.set_inheritable(True)
    return listener


def address(listener: socket.socket) -> str:
    """The address that a browser on this machine would use."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class QuietServer(uvicorn.Server):
    """uvicorn that ends with status 0 when told to stop: stopping is no error."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.should_exit and number == signal.SIGINT:
            self.force_exit = True
        if not self.should_exit:
            print("kedja: finishing what was accepted, then stopping", file=sys.stderr, flush=True)
        self.should_exit = True
