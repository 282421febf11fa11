"""Decoding in processes that are killed and replaced when a request's deadline has passed.

What is plainly cheap never comes here. The processes start when they are first needed, read what the service sends
them and write examples; they hold no keys, no sockets of clients and no model.
"""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import AsyncIterator
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

_PIPE = 1_000_000
_PIECE = 131_072
# An answer says little more than the examples in it.
_BESIDE_EXAMPLES = 1_000_000


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
        self._idle: list[asyncio.subprocess.Process] = []
        self._all: set[asyncio.subprocess.Process] = set()

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
        process = self._idle.pop() if self._idle else await self._start()
        whole = False
        try:
            result = await _talk(process, task, body, held)
            whole = True
        except (EOFError, OSError, msgspec.DecodeError) as error:
            # The kernel ended it at one of its limits, or it says what it should not.
            logger.warning("a decoder ended: %s", type(error).__name__)
            self.metrics.decoders.labels("died").inc()
            raise RequestError(413, "too-large", "the request could not be decoded within its limits") from None
        finally:
            if whole and process.returncode is None:
                self._idle.append(process)
            else:
                self._end(process)
        self.metrics.decoders.labels("answered").inc()
        if result.error:
            raise RequestError(*result.error)
        try:
            return Examples([expected.unpack(item) for item in result.items], result.many)
        except ValueError as error:
            raise RequestError(500, "internal", f"a decoder gave no examples: {error}") from None

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "kedja.serving.decoder",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_PIPE,
        )
        self._all.add(process)
        return process

    def _end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        self._all.discard(process)

    async def close(self) -> None:
        """Kill them all; none of them holds anything that is worth waiting for."""
        every = list(self._all)
        for process in every:
            self._end(process)
        for process in every:
            await process.wait()
        self._idle.clear()


def _task(content_type: str, expected: Input, limits: Limits, deadline: float, spare: int) -> Task:
    return Task(
        kind=expected.kind,
        settings=expected.to_json(),
        content_type=content_type,
        seconds=max(0.0, deadline - time.monotonic()),
        formats=None if limits.formats is None else sorted(limits.formats),
        examples=limits.examples,
        pixels=limits.pixels,
        memory=min(limits.memory, spare),
    )


class _Held:
    """What one request holds of the budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.size = 0

    async def raise_to(self, size: int) -> None:
        if size <= self.size:
            return
        if not self.size:
            await self._budget.take(size)
        elif not self._budget.extend(size - self.size):
            raise busy("no memory is left for another image")
        self.size = size

    def give_back(self) -> None:
        self._budget.give(self.size)
        self.size = 0


async def _talk(process: asyncio.subprocess.Process, task: Task, body: bytes, held: _Held) -> Result:
    assert process.stdin is not None
    assert process.stdout is not None
    content = msgspec.msgpack.encode(task)
    process.stdin.write(decoder.frame(content) + content + decoder.frame(body))
    for start in range(0, len(body), _PIECE):
        # In pieces: what waits in a transport is moved once for each that leaves it.
        process.stdin.write(memoryview(body)[start : start + _PIECE])
        await process.stdin.drain()
    while True:
        size = decoder.length(await process.stdout.readexactly(decoder.HEAD))
        if size > held.size + _BESIDE_EXAMPLES + len(body):
            raise EOFError
        message = msgspec.msgpack.decode(await process.stdout.readexactly(size), type=Need | Result)
        if isinstance(message, Result):
            return message
        await held.raise_to(min(message.memory, task.memory))
        process.stdin.write(decoder.frame(b""))
