"""A process that has loaded the training code and forks a copy of itself for each run.

Loading torch takes seconds, a small run hardly longer. Each run still is a process of its own with its own
log, environment and process group; what it does is what `python -m <its module> …` does.

    runner ── requests, one JSON line each ──▶ warm process ── fork ──▶ run
           ◀── {"started": …} {"ended": …} ──
"""

import contextlib
import importlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kedja.common.supervised import run_module, stop_when_closed
from kedja.experiments.launch.pool import Process, Start, Task, start

LOADED = ("kedja.training.loop.train", "hydra", "torchvision")
LEAST_RUNS = 3


def possible() -> bool:
    """Forking is safe on Linux as long as no GPU driver has been initialised."""
    return sys.platform == "linux" and shutil.which("nvidia-smi") is None


@contextlib.contextmanager
def starter(runs: int, environment: Mapping[str, str]) -> Iterator[Start]:
    """How to start tasks: forked from a warm process where that is possible and pays off for `runs` runs, else anew."""
    if not possible() or runs < LEAST_RUNS:
        yield start
        return
    with _Server(environment) as server:
        yield lambda task: server.start(task) if task.warm else start(task)


class _Forked:
    """A run forked by the warm process, as `subprocess.Popen` shows one."""

    def __init__(self, server: "_Server", number: int) -> None:
        self._server = server
        self._number = number
        self.pid = server.pid_of(number)
        self.stdin = None
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._server.status_of(self._number)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self.returncode = self._server.wait_for(self._number, timeout)
        return self.returncode


class _Server:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kedja.experiments.launch.warm", *LOADED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        self._messages = b""
        self._pids: dict[int, int] = {}
        self._statuses: dict[int, int] = {}
        self._requests = 0

    def __enter__(self) -> "_Server":
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def start(self, task: Task) -> Process:
        assert self._process.stdin
        task.log.parent.mkdir(parents=True, exist_ok=True)
        self._requests += 1
        request = {
            "number": self._requests,
            "command": task.command,
            "log": str(task.log),
            "environment": dict(task.environment),
        }
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return start(task)
        while self._requests not in self._pids:
            if not self._receive(None):
                return start(task)
        return _Forked(self, self._requests)

    def pid_of(self, number: int) -> int:
        return self._pids[number]

    def status_of(self, number: int) -> int | None:
        while number not in self._statuses and self._receive(0):
            pass
        return self._statuses.get(number)

    def wait_for(self, number: int, timeout: float | None) -> int:
        while number not in self._statuses:
            if not self._receive(timeout):
                raise subprocess.TimeoutExpired("run", timeout or 0)
        return self._statuses[number]

    def _receive(self, timeout: float | None) -> bool:
        """Take in what the warm process has said; whether anything came within `timeout` seconds."""
        assert self._process.stdout
        readable, _, _ = select.select([self._process.stdout], [], [], timeout)
        if not readable:
            return False
        data = os.read(self._process.stdout.fileno(), 65536)
        if not data:
            # It is gone, and its runs with it.
            self._statuses |= {number: -signal.SIGKILL for number in self._pids if number not in self._statuses}
            return False
        *lines, self._messages = (self._messages + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            known = self._pids if message["what"] == "started" else self._statuses
            known[message["number"]] = message["value"]
        return True


def serve(modules: Sequence[str]) -> None:
    """Load the modules; read requests from standard input, fork for each, report starts and ends.

    When standard input closes, the runs end too.
    """
    for name in modules:
        importlib.import_module(name)
    alive, held = os.pipe()
    wake, wakened = os.pipe()
    os.set_blocking(wakened, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakened)
    numbers: dict[int, int] = {}
    requests = b""
    while True:
        readable, _, _ = select.select([0, wake], [], [])
        if wake in readable:
            os.read(wake, 4096)
            _report_ended(numbers)
        if 0 in readable:
            data = os.read(0, 65536)
            if not data:
                break
            *lines, requests = (requests + data).split(b"\n")
            for line in lines:
                request = json.loads(line)
                pid = _fork(request, alive, (held, wake, wakened))
                numbers[pid] = request["number"]
                _say("started", request["number"], pid)
    for pid in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _fork(request: dict[str, Any], alive: int, others: tuple[int, ...]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in others:
            os.close(descriptor)
        _redirect(request["log"])
        os.environ.update(request["environment"])
        threading.Thread(target=stop_when_closed, args=(alive,), daemon=True).start()
        run_module(request["command"])
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - a forked copy must never return into the loop of its parent
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _redirect(log: str) -> None:
    nothing, written = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for source, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(source, target)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115 - lasts as long as the process


def _report_ended(numbers: dict[int, int]) -> None:
    for pid in list(numbers):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            _say("ended", numbers.pop(pid), os.waitstatus_to_exitcode(status))


def _say(what: str, number: int, value: int) -> None:
    os.write(1, json.dumps({"what": what, "number": number, "value": value}).encode() + b"\n")


if __name__ == "__main__":
    serve(sys.argv[1:])
