"""Trackers fed while a run goes on, each by a process of its own that reads the run's folder.

Training neither loads a tracker nor waits for one: a tracker that hangs, is down or crashes takes its own process with
it. The process ends when the pipe to it closes, which it does however training ends.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kedja.common.errors import KedjaError
from kedja.experiments.trackers.tracker import Settings, check

# How long the end of a run waits for a tracker to get the rest.
LAST_SECONDS = 120.0


@contextlib.contextmanager
def live(names: Sequence[str], run: Path, settings: Settings, say: Callable[[str], None] = print) -> Iterator[None]:
    """Feed the trackers `names` from the folder `run` meanwhile; says what one of them did not get."""
    followers = []
    for name in names:
        try:
            check(name)
            followers.append(Follower(name, run, settings))
        except (KedjaError, OSError) as error:
            say(warning(name, str(error)))
    try:
        yield
    finally:
        for follower in followers:
            if problem := follower.end():
                say(warning(follower.name, problem))


class Follower:
    """The process that feeds one tracker."""

    def __init__(self, name: str, run: Path, settings: Settings) -> None:
        self.name = name
        arguments = [name, str(run), str(settings.runs), settings.address, settings.project]
        # A group of its own, so that Ctrl-C reaches training alone, and the tracker's helpers end with it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kedja.experiments.trackers.follow", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self) -> str:
        """Let it send the rest; what it could not send, or nothing. Takes two minutes at the most."""
        try:
            problem, _ = self._process.communicate("end\n", timeout=LAST_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()
            return f"did not take the rest within {LAST_SECONDS:.0f} s"
        if self._process.returncode and not problem:
            return f"its process ended with status {self._process.returncode}"
        return problem.strip()

    def _kill(self) -> None:
        if os.name == "posix":
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.communicate()


def warning(name: str, problem: str) -> str:
    """What a run says of a tracker, once."""
    return f"{name}: {problem}\n  → the run is complete without it; `just track tracker={name}` sends what is missing"
