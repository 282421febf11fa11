"""Decoding in processes that are killed and replaced when a request's deadline has passed.

What is plainly cheap never comes here. The processes start when they are first needed, read what the service sends
them and write examples; they hold no keys, no sockets of clients and no model. Who talks to one is a thread, so that
the event loop has nothing to do with megabytes.
"""

import asyncio
import contextlib
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import asynccontextmanager

import msgspec

from kedja.bundle.inputs.input import Examples, Input, Limits
from kedja.bundle.inputs.optional import Portable
from kedja.serving import decoder
from kedja.serving.budget import Budget
from kedja.serving.decoder import Need, Result, Task
from kedja.serving.engine import late
from kedja.serving.errors import RequestError, busy
from kedja.serving.metrics import Metrics

logger = logging.getLogger(__name__)

# An answer says little more than the examples in it.
_BESIDE_EXAMPLES = 1_000_000
_Process = subprocess.Popen[bytes]


class Decoders:
    """A pool of decoder processes.

    Args:
        count: of processes at the most.
        budget: what they take of memory, they take from here.
    """

    def __init__(self, count: int, budget: Budget, metrics: Metrics) -> None:
        self.budget = budget
        self.metrics = metrics
        self._places = asyncio.Semaphore(count)
        # One more thread for each: it waits for the end of the process before.
        self._threads = ThreadPoolExecutor(2 * count, "kedja-decoder")
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()

    @asynccontextmanager
    async def decoded(
        self, content_type: str, body: bytes, expected: Portable, limits: Limits, deadline: float
    ) -> AsyncIterator[Examples]:
        """The examples of a body, as `payload.read` has them; their memory is held until the end of the block.

        Args:
            deadline: on the clock of `time.monotonic`.

        Raises:
            RequestError: as `payload.read`; 503 at the deadline, or where there is no memory left.
        """
        held = _Held(self.budget)
        try:
            try:
                async with asyncio.timeout(deadline - time.monotonic()), self._places:
                    task = _task(content_type, expected, limits, deadline, self.budget.spare)
                    examples = await self._decode(task, body, expected, held)
            except TimeoutError:
                self.metrics.decoders.labels("late").inc()
                raise late() from None
            yield examples
        finally:
            held.give_back()

    async def _decode(self, task: Task, body: bytes, expected: Portable, held: "_Held") -> Examples:
        loop = asyncio.get_running_loop()
        try:
            process = self._idle.pop() if self._idle else self._start()
        except OSError as error:
            logger.warning("no decoder could be started: %s", error)
            raise busy("no decoder could be started") from None
        whole = False
        try:
            result = await loop.run_in_executor(self._threads, _talk, process, task, body, held)
            whole = True
        except (EOFError, OSError, msgspec.DecodeError) as error:
            # The kernel ended it at one of its limits, or it says what it should not.
            logger.warning("a decoder ended: %s", type(error).__name__)
            self.metrics.decoders.labels("died").inc()
            raise RequestError(413, "too-large", "the request could not be decoded within its limits") from None
        finally:
            if whole and process.poll() is None:
                self._idle.append(process)
            else:
                held.give_up()
                self._end(process)
        self.metrics.decoders.labels("answered").inc()
        if result.error:
            raise RequestError(*result.error)
        try:
            return Examples([expected.unpack(item) for item in result.items], result.many)
        except ValueError as error:
            raise RequestError(500, "internal", f"a decoder gave no examples: {error}") from None

    def _start(self) -> _Process:
        # Not the event loop's own way, which forks: the page tables of a service take up to 0.2 s to copy.
        process = subprocess.Popen(
            [sys.executable, "-m", "kedja.serving.decoder"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._all.add(process)
        return process

    def _end(self, process: _Process) -> None:
        process.kill()
        self._all.discard(process)
        # Where it talked to a thread, that one ends now; then the pipes are closed.
        with contextlib.suppress(RuntimeError):  # unless everything ends
            self._threads.submit(process.__exit__, None, None, None)

    def close(self) -> None:
        """Kill them all, for none of them holds anything that is worth waiting for, and wait for their ends."""
        for process in list(self._all):
            self._end(process)
        self._idle.clear()
        self._threads.shutdown()


def _task(content_type: str, expected: Input, limits: Limits, deadline: float, spare: int) -> Task:
    return Task(
        kind=expected.kind,
        settings=expected.to_json(),
        files=expected.files(),
        content_type=content_type,
        seconds=max(0.0, deadline - time.monotonic()),
        formats=None if limits.formats is None else sorted(limits.formats),
        examples=limits.examples,
        pixels=limits.pixels,
        memory=min(limits.memory, spare),
        text=limits.text_bytes,
    )


class _Held:
    """What one request holds of the budget; its thread asks for more, the event loop waits for it."""

    def __init__(self, budget: Budget) -> None:
        self.size = 0
        self._budget = budget
        self._loop = asyncio.get_running_loop()
        self._asked: Future[None] | None = None
        self._over = asyncio.Event()

    def raise_to(self, size: int) -> None:
        """Wait, in a thread, until there are `size` bytes in all.

        Raises:
            RequestError: 503, where there is no more for who has some already.
            CancelledError: given up.
        """
        self._asked = asyncio.run_coroutine_threadsafe(self._raise_to(size), self._loop)
        self._asked.result()

    async def _raise_to(self, size: int) -> None:
        if self._over.is_set():
            raise CancelledError
        if size <= self.size:
            return
        if not self.size:
            await self._budget.take(size)
            if self._over.is_set():
                self._budget.give(size)
                raise CancelledError
        elif not self._budget.borrow(size - self.size):
            raise busy("no memory is left for another image")
        self.size = size

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        self._over.set()
        if self._asked:
            self._asked.cancel()

    def give_back(self) -> None:
        self._budget.give(self.size)
        self.size = 0


def _talk(process: _Process, task: Task, body: bytes, held: _Held) -> Result:
    assert process.stdin is not None
    assert process.stdout is not None
    decoder.send(process.stdin, task)
    decoder.send(process.stdin, body)
    while True:
        content = decoder.receive(process.stdout, held.size + _BESIDE_EXAMPLES + len(body))
        message = msgspec.msgpack.decode(content, type=Need | Result)
        if isinstance(message, Result):
            return message
        held.raise_to(min(message.memory, task.memory))
        decoder.send(process.stdin, b"")
