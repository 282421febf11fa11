"""The bytes that requests of a process may hold at once: bodies while they arrive and wait, images while decoded."""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kedja.bundle.inputs.input import Costly


class Budget:
    """Taken at once or not at all by uploads and worker threads, waited for in turn by decoders.

    Uploads together take two fifths of it at the most, so that what has arrived can always go on, and those of one
    client half of that. `borrow` and `returned` are for any thread, everything else is the event loop's.

    Args:
        total: bytes.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.a_fifth = total // 5
        self.taken = 0
        self._uploads = 0
        self._clients: Counter[str] = Counter()
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        # Of `taken` and `_waiting`: held for a few instructions, never while anybody waits.
        self._lock = threading.Lock()

    def borrow(self, size: int) -> bool:
        """Take `size` bytes, if there are as many; so does who wants more beside a share, or all would wait for all."""
        with self._lock:
            return self._take_now(size)

    def returned(self, size: int) -> None:
        """Give back what was borrowed."""
        with self._lock:
            self.taken -= size
            waiting = self._waiting[0][1] if self._waiting else None
        if waiting:
            waiting.get_loop().call_soon_threadsafe(self.give, 0)

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """What `Limits.grant` is for a thread: it borrows until the end of the block, and never waits.

        Raises:
            Costly: from what was yielded; decoders wait for memory in turn.
        """
        held = 0

        def grant(memory: int) -> None:
            nonlocal held
            if memory > held:
                if not self.borrow(memory - held):
                    raise Costly
                held = memory

        try:
            yield grant
        finally:
            if held:
                self.returned(held)

    def upload(self, size: int, client: str) -> bool:
        """Take `size` more bytes for an upload of this client, if there are as many; `uploaded` gives them back."""
        if self._uploads + size > 2 * self.a_fifth or self._clients.get(client, 0) + size > self.a_fifth:
            return False
        self._uploads += size
        self._clients[client] += size
        with self._lock:
            self.taken += size
        return True

    def uploaded(self, size: int, client: str) -> None:
        self._uploads -= size
        self._clients[client] -= size
        if not self._clients[client]:
            del self._clients[client]
        self.give(size)

    async def take(self, size: int) -> None:
        """Wait in turn until `size` bytes are free; at most `spare` of them are ever given."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            if not self._waiting and self._take_now(size):
                return
            self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            else:
                with self._lock:
                    self._waiting.remove((size, turn))
                self.give(0)
            raise

    def give(self, size: int) -> None:
        """Back what was taken, to those who wait for it."""
        with self._lock:
            self.taken -= size
            while self._waiting and self.taken + self._waiting[0][0] <= self.total:
                wanted, turn = self._waiting.popleft()
                if not turn.done():
                    self.taken += wanted
                    turn.set_result(None)

    def _take_now(self, size: int) -> bool:
        if self.taken + size > self.total:
            return False
        self.taken += size
        return True

    @property
    def spare(self) -> int:
        """What decoding can hope for: the uploads' share is not its own."""
        return 3 * self.a_fifth
