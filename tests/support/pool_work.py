"""What worker processes do in the tests of the pool: spawned processes import it by its name."""

import os
import signal

from kedja.common.errors import KedjaError


def double(argument, chunk):
    return [argument * item for item in chunk]


def die_on_seven(argument, chunk):
    if 7 in chunk:
        os.kill(os.getpid(), signal.SIGKILL)
    return list(chunk)


def refuse(argument, chunk):
    raise KedjaError(f"{chunk} is refused")
