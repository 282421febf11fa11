"""Several worker processes on one socket: started, kept alive, told about signals, waited for."""

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from kedja.common.errors import KedjaError
from kedja.serving.logs import say_if_read

EXIT_CRASHED = 70
_SECONDS_BEFORE_RESTART = 1.0

Work = Callable[[Callable[[], object]], None]


class Supervisor:
    """Forks workers; nothing heavy may be imported and no thread may run before.

    SIGTERM, SIGINT and SIGHUP are passed on, and the supervisor ends when all workers did. A worker that dies is
    replaced; workers whose supervisor dies, even by SIGKILL, stop. A first worker that never gets ready ends
    everything with its status.

    Args:
        work: runs in the child; calls its argument once it answers requests.
        count: number of workers.
        ready: called when the first worker answers requests.
        forget: called with the process id of a worker that ended.
        close: called `drain` seconds after SIGTERM, before the workers stop listening.
    """

    def __init__(
        self,
        work: Work,
        *,
        count: int,
        ready: Callable[[], None],
        forget: Callable[[int], None],
        close: Callable[[], None],
        drain: float,
    ) -> None:
        self._work = work
        self._count = count
        self._ready = ready
        self._forget = forget
        self._close = close
        self._drain = drain
        self._children: set[int] = set()
        self._stopping = False
        # Only the supervisor keeps the writing end: when it is gone, reading ends.
        self._life = os.pipe()

    def run(self) -> int:
        """The exit status: 0 after a stop that was asked for."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGALRM, lambda number, frame: self._close())
        # The first one verifies the bundle: its message stands alone where it is not good.
        reading, writing = os.pipe()
        first = self._start(lambda: os.write(writing, b"1"))
        os.close(writing)
        if not os.read(reading, 1):
            _, status = os.waitpid(first, 0)
            return 0 if self._stopping else os.waitstatus_to_exitcode(status) or EXIT_CRASHED
        self._ready()
        while self._children:
            while len(self._children) < self._count and not self._stopping:
                self._start(lambda: None)
            self._wait_for_one()
        return 0

    def _start(self, ready: Callable[[], object]) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if not child:
            os.close(self._life[1])
            threading.Thread(target=_stop_with, args=[self._life[0]], daemon=True).start()
            _run_child(self._work, ready)
        self._children.add(child)
        return child

    def _wait_for_one(self) -> None:
        child, status = os.wait()
        self._children.discard(child)
        self._forget(child)
        if not self._stopping:
            code = os.waitstatus_to_exitcode(status)
            say_if_read(f"kedja: worker {child} ended with status {code}; starting another")
            time.sleep(_SECONDS_BEFORE_RESTART)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGHUP and not self._stopping:
            self._stopping = True
            signal.setitimer(signal.ITIMER_REAL, self._drain if number == signal.SIGTERM else 0)
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)


def _stop_with(supervisor: int) -> None:
    """Wait for the end of the supervisor, then stop this worker as it would have done."""
    os.read(supervisor, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _run_child(work: Work, ready: Callable[[], object]) -> NoReturn:
    """Work, and leave without the parent's clean-up: the child is not the one that began it."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    # Until the worker has a bundle to renew.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    status = EXIT_CRASHED
    try:
        work(ready)
        status = 0
    except KedjaError as error:
        say_if_read(f"error: {error}")
        status = 1
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else EXIT_CRASHED
    except Exception:  # noqa: BLE001 -- the last frame of this process
        say_if_read(traceback.format_exc())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
