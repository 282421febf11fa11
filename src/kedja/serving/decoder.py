"""A process that decodes one request after another: it may be killed at any time, and trusts its memory to nobody.

Standard input and output are a pipe to the service; its end is the end of this process. The service sends a `Task` and
a body; the answer is a `Need` of bytes, after whose echo decoding goes on, any number of times, and then a `Result`.
"""

import contextlib
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec

resource: Any = None
with contextlib.suppress(ImportError):  # Windows has no such limits
    import resource

# Of addresses beyond what was there at the start and what was granted: the allocator's own.
SLACK = 64_000_000
_NICER_THAN_THE_SERVICE = 10
_LENGTH = struct.Struct(">Q")


class Task(msgspec.Struct, tag=True):
    """What is to be decoded: the body follows.

    Attributes:
        kind, settings: of the `Input`, which is `Portable`.
        seconds: of processor time at the most.
        formats, examples, pixels, memory: see `Limits`.
    """

    kind: str
    settings: dict[str, Any]
    content_type: str
    seconds: float
    formats: list[str] | None
    examples: int
    pixels: int
    memory: int


class Need(msgspec.Struct, tag=True):
    """So many bytes in all are needed."""

    memory: int


class Result(msgspec.Struct, tag=True):
    """What `Input.pack` gave of every example, or the refusal: status, code, message, remedy."""

    items: list[Any] = []
    many: bool = False
    error: tuple[int, str, str, str] | None = None


def main() -> None:
    # What Ctrl-C and a stop mean is the service's; it closes the pipe.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        os.nice(_NICER_THAN_THE_SERVICE)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that a library prints gets between the answers
    # Imported before the first request, so that this counts as what was there at the start.
    import kedja.bundle.inputs.image.values
    import kedja.serving.payload  # noqa: F401

    limit = _Ceiling()
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            task = msgspec.msgpack.decode(_receive(requests), type=Task)
            body = _receive(requests)
            limit.begin(task.seconds)

            def grant(memory: int) -> None:
                _send(answers, Need(memory))
                _receive(requests)
                limit.raise_by(memory)

            result = _result(task, body, grant)
            del body
            _send(answers, result)
            del result


def _result(task: Task, body: bytes, grant: Callable[[int], None]) -> Result:
    from kedja.bundle.inputs import registry
    from kedja.bundle.inputs.input import Limits
    from kedja.bundle.inputs.optional import Portable
    from kedja.serving import payload
    from kedja.serving.errors import RequestError

    formats = None if task.formats is None else frozenset(task.formats)
    limits = Limits(task.examples, task.pixels, formats, task.memory)
    expected = registry.from_json(task.kind, task.settings)
    assert isinstance(expected, Portable)
    try:
        examples = payload.read(task.content_type, body, expected, limits.of_request(grant=grant))
        return Result([expected.pack(example) for example in examples.items], examples.many)
    except RequestError as error:
        return Result(error=(error.status, error.code, error.message, error.remedy))
    except MemoryError:
        message = f"decoding the request takes more than the limit of {task.memory:,} bytes"
        return Result(error=(413, "too-large", message, "send fewer or smaller images, or raise memory"))


class _Ceiling:
    """Limits of this process that the kernel keeps, where there is one that does."""

    def __init__(self) -> None:
        self._at_start = _addresses()

    def begin(self, seconds: float) -> None:
        """A new request with this much processor time."""
        if resource is None:
            return
        usage = resource.getrusage(resource.RUSAGE_SELF)
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime + seconds) + 1, most))
        self.raise_by(0)

    def raise_by(self, memory: int) -> None:
        if resource is not None and self._at_start:
            _, most = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (self._at_start + SLACK + memory, most))


def _addresses() -> int:
    """Bytes of addresses that are in use; 0 where nothing says so."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 -- no path of ours
            return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def frame(content: bytes) -> bytes:
    """The length that stands before what is sent."""
    return _LENGTH.pack(len(content))


def length(head: bytes) -> int:
    """The inverse."""
    (found,) = _LENGTH.unpack(head)
    return int(found)


HEAD = _LENGTH.size


def _receive(stream: BinaryIO) -> bytes:
    size = length(_exactly(stream, HEAD))
    return _exactly(stream, size)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data


def _send(stream: BinaryIO, message: msgspec.Struct) -> None:
    content = msgspec.msgpack.encode(message)
    stream.write(frame(content))
    stream.write(content)
    stream.flush()


if __name__ == "__main__":
    main()
