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
from typing import IO, TYPE_CHECKING, Any

import msgspec

from kedja.common.allocator import give_large_blocks_back

if TYPE_CHECKING:
    from kedja.bundle.inputs.input import Input

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
        kind, settings, files: of the `Input`, which is `Portable`.
        seconds: of processor time at the most.
        formats, examples, pixels, memory, text: see `Limits`.
    """

    kind: str
    settings: dict[str, Any]
    files: dict[str, bytes]
    content_type: str
    seconds: float
    formats: list[str] | None
    examples: int
    pixels: int
    memory: int
    text: int


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
    give_large_blocks_back()
    # One request at a time: threads of a library's own would only ask for more addresses.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # Imported before the first request, so that this counts as what was there at the start.
    import kedja.bundle.inputs.image.values
    import kedja.serving.payload  # noqa: F401
    from kedja.bundle.inputs import registry

    limit: _Ceiling | None = None
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            task = msgspec.msgpack.decode(receive(requests), type=Task)
            body = receive(requests)
            expected = registry.from_json(task.kind, task.settings).carrying(task.files)
            limit = limit or _Ceiling()
            limit.begin(task.seconds)

            def grant(memory: int, limit: _Ceiling = limit) -> None:
                send(answers, Need(memory))
                receive(requests)
                limit.raise_by(memory)

            try:
                result = _result(task, body, expected, grant)
            except MemoryError:
                # Nothing can be said below the ceiling.
                limit.end()
                said = f"decoding the request takes more than the limit of {task.memory:,} bytes"
                result = Result(error=(413, "too-large", said, "send fewer or smaller images, or raise memory"))
            limit.end()
            del body
            send(answers, result)
            del result


def _result(task: Task, body: bytes, expected: "Input", grant: Callable[[int], None]) -> Result:
    from kedja.bundle.inputs.input import Limits
    from kedja.bundle.inputs.optional import Portable
    from kedja.serving import payload
    from kedja.serving.errors import RequestError

    formats = None if task.formats is None else frozenset(task.formats)
    limits = Limits(task.examples, task.pixels, formats, task.memory, text_bytes=task.text)
    assert isinstance(expected, Portable)
    try:
        examples = payload.read(task.content_type, body, expected, limits.of_request(grant=grant))
        return Result([expected.pack(example) for example in examples.items], examples.many)
    except RequestError as error:
        return Result(error=(error.status, error.code, error.message, error.remedy))


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

    def end(self) -> None:
        """What the next request is about may be larger; who says so is the service."""
        if resource is not None:
            _, most = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (most, most))

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


def receive(stream: IO[bytes], most: int = sys.maxsize) -> bytes:
    """What `send` sent.

    Raises:
        EOFError: there is no more, or it is longer than `most`.
    """
    (size,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    if size > most:
        raise EOFError
    return _exactly(stream, size)


def send(stream: IO[bytes], message: msgspec.Struct | bytes) -> None:
    """Content, with its length before it."""
    content = message if isinstance(message, bytes) else msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data


if __name__ == "__main__":
    main()
