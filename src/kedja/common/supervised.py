"""Run a command of ours so that it cannot outlive whoever started it.

    python -m kedja.common.supervised kedja.experiments.launch.train experiment=resnet9

A command is a module with a function `run`, which reads `sys.argv`. Its standard input is a pipe that the starting
process holds open. When that process goes away, however it died, the pipe closes: the command gets SIGTERM, and its
whole process group SIGKILL some seconds later.
"""

import importlib
import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 10.0
# Waits for the end of the group's first process, some seconds at the most.
_KILL = """
import contextlib, os, signal, sys, time
group, end = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
with contextlib.suppress(ProcessLookupError):
    while time.monotonic() < end:
        os.kill(group, 0)
        time.sleep(0.1)
with contextlib.suppress(ProcessLookupError):
    os.killpg(group, signal.SIGKILL)
"""


def main() -> None:
    watched = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=stop_when_closed, args=(watched,), daemon=True).start()
    run_module(sys.argv[1:])


def run_module(command: list[str]) -> None:
    """What `python -m <module> <arguments>` does, in this process."""
    sys.argv = command
    importlib.import_module(command[0]).run()


def stop_when_closed(descriptor: int) -> None:
    """Block until the pipe closes, then end this process group: politely, and for certain some seconds later."""
    while os.read(descriptor, 1):
        pass
    # Outside the group: the script may end at once, and leave children that nobody here would end.
    command = [sys.executable, "-S", "-c", _KILL, str(os.getpgid(0)), str(GRACE_SECONDS)]
    subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
