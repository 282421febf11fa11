"""Worker processes for many small pieces of work: bounded memory, no orphans, no death of one kills all.

When a worker dies (a decoder crashed, memory ran out), the pool of all of them breaks; the pieces that were in work
are then tried item by item, one at a time, so that the one to blame is known.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from kedja.common.allocator import keep_freed_memory
from kedja.common.errors import KedjaError

T = TypeVar("T")
R = TypeVar("R")
Chunk = Sequence[T]
# A chunk in work and one waiting keep a worker busy while its answer is taken in.
IN_FLIGHT = 2
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_given: list[Any] = []  # in a worker: the function and its argument, sent once


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
    """
    source, suspects = iter(chunks), deque[T]()
    pool, pending = _start(function, argument, jobs), dict[Future[list[R]], Chunk[T]]()
    try:
        while True:
            while len(pending) < (1 if suspects else jobs * IN_FLIGHT):
                chunk = [suspects.popleft()] if suspects else next(source, None)
                if chunk is None:
                    break
                pending[pool.submit(_work, chunk)] = chunk
                if len(chunk) == 1 and len(pending) == 1:
                    break
            if not pending:
                return
            lost: list[Chunk[T]] = []
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                chunk = pending.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    lost.append(chunk)
            if lost:
                lost += pending.values()
                pending.clear()
                pool.shutdown()
                pool = _start(function, argument, jobs)
                if [len(chunk) for chunk in lost] == [1]:
                    yield [crashed(lost[0][0])]
                else:
                    suspects.extend(item for chunk in lost for item in chunk)
    finally:
        pool.shutdown(cancel_futures=True)


def _start(function: Callable[[Any, Chunk[T]], list[R]], argument: Any, jobs: int) -> ProcessPoolExecutor:
    # spawn: the same on every platform, and no copies of our open files or threads.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(function, argument))
    try:
        with _single_threaded(), _interrupts_held():
            starting = [pool.submit(int) for _ in range(jobs)]
        wait(starting)
        pool.submit(int).result()
    except BrokenProcessPool:
        raise KedjaError(
            "a worker process ended before it began", "if memory is short, try jobs=1; --debug may show more"
        ) from None
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    return pool


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes that start here begin deaf to Ctrl-C, which goes to the whole group; ours waits until they have."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # It lets signals through again when it starts, and it starts with the first process.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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


def _begin(function: Callable[[Any, Chunk[T]], list[R]], argument: Any) -> None:
    # Ctrl-C goes to the whole group; the parent decides when workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    keep_freed_memory()
    _given[:] = [function, argument]


def _end_with_parent() -> None:
    """The executor's workers would outlive a parent that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(chunk: Chunk[T]) -> list[R]:
    function, argument = _given
    answers: list[R] = function(argument, chunk)
    return answers
