"""Logs as one JSON object a line on standard error."""

import contextlib
import logging
import os
import select
import stat
import sys
import time
from collections import deque
from typing import Any

import msgspec


class JsonLines(logging.Formatter):
    """`time` (UTC), `level`, `logger`, `message`, whatever `extra={"fields": {…}}` adds, and a traceback as text."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class PatientHandler(logging.Handler):
    """Writes lines to a file descriptor and never waits for who reads it.

    Where the pipe is full, lines are kept until it has room again, up to BYTES of them; then the newest are dropped
    and counted, and the count is said as soon as something can be said.
    """

    BYTES = 4_000_000

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = _own(descriptor)
        self._waiting: deque[bytes] = deque()
        self._kept = 0
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record).encode(errors="backslashreplace") + b"\n"
        if self._kept + len(line) <= self.BYTES:
            self._keep(line)
        else:
            self._dropped += 1
        self.write()

    def write(self) -> None:
        """As much of what waits as there is room for."""
        while self._waiting and has_room(self._descriptor):
            line = self._waiting[0]
            try:
                # With room for a page, a write of at most a page does not wait.
                written = os.write(self._descriptor, line[: select.PIPE_BUF])
            except OSError:
                return  # another process was quicker, or nobody reads any more
            self._waiting.popleft()
            self._kept -= written
            if written < len(line):
                self._waiting.appendleft(line[written:])
            if self._dropped and not self._waiting:
                said = {"level": "warning", "message": f"{self._dropped} lines were dropped: nobody read them"}
                self._keep(msgspec.json.encode(said) + b"\n")
                self._dropped = 0

    def _keep(self, line: bytes) -> None:
        self._waiting.append(line)
        self._kept += len(line)


def _own(descriptor: int) -> int:
    """The same pipe, opened for ourselves (Linux): told not to wait, without telling others who write to it."""
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        with contextlib.suppress(OSError):
            return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
    return descriptor


def has_room(descriptor: int) -> bool:
    """Whether a write of a page would not wait."""
    if os.name != "posix":
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return any(events & select.POLLOUT for _, events in poll.poll(0))


def say_if_read(text: str) -> None:
    """A line on standard error where there is room for it: a supervisor must not wait for who reads its log."""
    if has_room(sys.stderr.fileno()):
        print(text, file=sys.stderr, flush=True)


def configure() -> None:
    """Everything that is logged in this process, as JSON lines; uvicorn's own chatter from warnings up."""
    handler: logging.Handler = PatientHandler(sys.stderr.fileno()) if os.name == "posix" else logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # Pillow calls some broken images errors; they are their sender's, who is told in the answer.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
