"""One process that serves: the application under uvicorn, and what signals mean to it."""

import asyncio
import contextlib
import functools
import gc
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator

import uvicorn
from fastapi import FastAPI

from kedja.common.errors import KedjaError
from kedja.serving import logs
from kedja.serving.app import create_app
from kedja.serving.listening import BACKLOG, refuse_new
from kedja.serving.predictor import Predictor
from kedja.serving.settings import Settings
from kedja.serving.state import Service

logger = logging.getLogger(__name__)

# A stop takes `drain`, then `deadline` at the most, and this for everything else.
SECONDS_TO_END = 8.0
# Between refusing new connections and closing the socket: time to accept those that stand in line.
_SECONDS_TO_ACCEPT = 0.2


def work(settings: Settings, listener: socket.socket, ready: Callable[[], object]) -> None:
    """Verify the bundle, answer requests until told to stop, and finish those that were accepted.

    Args:
        ready: called once requests are answered.

    Raises:
        KedjaError: the bundle, the keys or the certificate are not good, or packages for `otel` are missing.
    """
    logs.configure()
    service = Service(settings, Predictor(settings.bundle, variant=settings.variant, engine=settings.engine))
    try:
        Worker(_configuration(settings, create_app(service)), service, listener, ready).run(sockets=[listener])
    finally:
        service.close()


def _configuration(settings: Settings, app: FastAPI) -> uvicorn.Config:
    try:
        from kedja.serving.protocol import guarded

        protocol: object = guarded(settings.header_timeout)
    except ImportError:  # no httptools on Windows
        protocol = "auto"
    configuration = uvicorn.Config(
        app,
        http=protocol,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        ws="none",
        timeout_keep_alive=int(settings.idle_timeout),
        timeout_graceful_shutdown=int(settings.deadline) + 1,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    try:
        configuration.load()
    except ssl.SSLError as error:
        raise KedjaError(
            f"tls_certificate={settings.tls_certificate} and tls_key={settings.tls_key} are no pair: {error.strerror}",
            "give a certificate and its own key, both PEM and without a password",
        ) from None
    return configuration


class Worker(uvicorn.Server):
    """uvicorn whose SIGTERM drains, whose SIGHUP reloads the bundle, and whose end has status 0."""

    def __init__(
        self, config: uvicorn.Config, service: Service, listener: socket.socket, ready: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self.service = service
        self._listener = listener
        self._ready = ready
        self._background: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self.config.is_ssl:
            # uvicorn hands no such limit on; without it a client that says nothing is kept for a minute.
            loop = asyncio.get_running_loop()
            create = functools.partial(loop.create_server, ssl_handshake_timeout=self.service.settings.header_timeout)
            loop.create_server = create  # type: ignore[method-assign]
        await super().startup(sockets)
        if self.service.settings.watch:
            self._spawn(self.service.watch_bundle(self.service.settings.watch))
        # What is here now stays: to look through all of it again and again takes 50 to 150 ms, with everybody waiting.
        gc.collect()
        gc.freeze()
        logger.info("ready")
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Replaces uvicorn's own, which raises the signal again after a clean stop."""
        loop = asyncio.get_running_loop()
        handlers: dict[int, Callable[[], None]] = {
            signal.SIGINT: lambda: self._stop(0.0),
            signal.SIGTERM: lambda: self._stop(self.service.settings.drain),
        }
        if hasattr(signal, "SIGHUP"):
            handlers[signal.SIGHUP] = lambda: self._spawn(self.service.reload())
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        yield
        for number in handlers:
            loop.remove_signal_handler(number)

    def _stop(self, seconds: float) -> None:
        if self.service.draining:
            self.force_exit = self.should_exit  # asked a third time: do not wait for slow clients
            self.should_exit = True
            return
        logger.info("stopping; what was accepted is answered first")
        if hasattr(signal, "setitimer"):
            # Whatever holds this process up then, the kernel ends it: its own action for this signal asks nobody.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, seconds + self.service.settings.deadline + SECONDS_TO_END)
        self.service.begin_draining()
        self._spawn(self._exit_after(seconds))

    async def _exit_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.service.settings.workers == 1:  # else the supervisor does it for all at once
            refuse_new(self._listener)
        await asyncio.sleep(_SECONDS_TO_ACCEPT)
        self.should_exit = True

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
