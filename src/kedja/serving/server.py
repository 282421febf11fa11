"""A bundle behind an address: one process, or several behind one socket."""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from kedja.bundle import metadata
from kedja.serving.listening import address, listen, refuse_new
from kedja.serving.settings import METRICS_FOLDER, WINDOW_FILE, Settings


def serve(settings: Settings) -> int:
    """Listen, verify the bundle, and answer until SIGINT or SIGTERM; the exit status.

    Raises:
        KedjaError: the bundle is not good, or the address cannot be had.
    """
    model = metadata.load(settings.bundle)
    with listen(settings.host, settings.port) as listener:
        url = address(listener, secure=settings.tls_certificate is not None)

        def announce() -> None:
            print(f"kedja serves {model.name} ({model.version}) at {url}", flush=True)
            print(f"  page {url}/   documentation {url}/docs", flush=True)

        if settings.workers > 1:
            return _supervise(settings, listener, announce)
        from kedja.serving.worker import work

        work(settings, listener, announce)
        return 0


def _supervise(settings: Settings, listener: socket.socket, announce: Callable[[], None]) -> int:
    from kedja.serving.supervisor import Supervisor

    def work(ready: Callable[[], object]) -> None:
        # Imported by each worker for itself: threads do not survive a fork.
        from kedja.serving import worker

        worker.work(settings, listener, ready)

    folder = tempfile.mkdtemp(prefix="kedja-metrics-")
    os.environ[METRICS_FOLDER] = folder

    def forget(worker: int) -> None:
        # A gauge of the living ends with its worker, and so does its window; counters stay.
        for file in [*Path(folder).glob(f"gauge_live*_{worker}.db"), Path(folder) / WINDOW_FILE.format(worker)]:
            file.unlink(missing_ok=True)

    try:
        return Supervisor(
            work,
            count=settings.workers,
            ready=announce,
            forget=forget,
            close=lambda: refuse_new(listener),
            drain=settings.drain,
        ).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
