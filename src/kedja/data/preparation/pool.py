"""Worker processes for many small pieces of work: bounded memory, no orphans, no death of one kills all.

Each worker has a pipe of its own. When this process dies, even by kill -9, the pipe closes and the worker
ends; when a worker dies (a decoder crashed, memory ran out), the pieces it held are tried one by one.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from kedja.common.allocator import keep_freed_memory
from kedja.common.errors import KedjaError

T = TypeVar("T")
R = TypeVar("R")
Chunk = Sequence[T]
# A chunk in work and one waiting keep a worker busy while its answer is taken in.
IN_FLIGHT = 2
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass
class _Worker(Generic[T]):
    process: BaseProcess
    pipe: Connection
    held: deque[Chunk[T]] = field(default_factory=deque)


def map_chunks(
    function: Callable[[Any, Chunk[T]], list[R]],
    argument: Any,
    chunks: Iterable[Chunk[T]],
    jobs: int,
    crashed: Callable[[T], R],
) -> Iterator[list[R]]:
    """`function(argument, chunk)` of every chunk, in whatever order they finish.

    Args:
        function: importable by name; runs in `jobs` worker processes.
        argument: given to every call, sent once.
        crashed: the result for an item that took a worker down when tried alone.

    Answers must fit the buffer of a pipe (some 60 kB): a worker that waits for its reader takes no new chunk.
    """
    workers = [_start(function, argument) for _ in range(jobs)]
    try:
        for worker in workers:
            _await_ready(worker)
        source, again = iter(chunks), deque[Chunk[T]]()
        while True:
            for worker in workers:
                _feed(worker, source, again)
            busy = [worker.pipe for worker in workers if worker.held]
            numbers = {id(worker.pipe): number for number, worker in enumerate(workers)}
            if not busy:
                return
            for ready in wait(busy):
                number = numbers[id(ready)]
                try:
                    answer = workers[number].pipe.recv()
                except (EOFError, ConnectionResetError):
                    lost = workers[number].held
                    workers[number].process.join()
                    workers[number] = _start(function, argument)
                    _await_ready(workers[number])
                    yield from _retry(lost, again, crashed)
                    continue
                workers[number].held.popleft()
                if isinstance(answer, BaseException):
                    raise answer
                yield answer
    finally:
        for worker in workers:
            worker.pipe.close()
            worker.process.terminate()
            worker.process.join()


def _feed(worker: _Worker[T], source: Iterator[Chunk[T]], again: deque[Chunk[T]]) -> None:
    while len(worker.held) < IN_FLIGHT:
        chunk = again.popleft() if again else next(source, None)
        if chunk is None:
            return
        try:
            worker.pipe.send(chunk)
        except (BrokenPipeError, ConnectionResetError):
            # It died; the reader notices and takes care of what it held, this chunk included.
            worker.held.append(chunk)
            return
        worker.held.append(chunk)


def _retry(lost: deque[Chunk[T]], again: deque[Chunk[T]], crashed: Callable[[T], R]) -> Iterator[list[R]]:
    """Only the oldest chunk was being worked on; its items are tried alone, or given up."""
    first, *rest = lost
    again.extend(rest)
    if len(first) == 1:
        yield [crashed(first[0])]
    else:
        again.extend([item] for item in first)


def _start(function: Callable[[Any, Chunk[T]], list[R]], argument: Any) -> _Worker[T]:
    # spawn: the same on every platform, and no copies of our open files or threads.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, function, argument), daemon=True)
    with _single_threaded():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes that start here keep to one thread of linear algebra each: the cores are all taken."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _await_ready(worker: _Worker[T]) -> None:
    try:
        worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        raise KedjaError(
            "a worker process ended before it began", "if memory is short, try jobs=1; --debug may show more"
        ) from None


def _work(pipe: Connection, function: Callable[[Any, Chunk[T]], list[R]], argument: Any) -> None:
    # Ctrl-C goes to the whole group; the parent decides when workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    keep_freed_memory()
    pipe.send("ready")
    while True:
        try:
            chunk = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            answer: list[R] | Exception = function(argument, chunk)
        except Exception as error:  # noqa: BLE001 -- raised again in the parent
            answer = error
        try:
            pipe.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            return
