"""The bytes that requests of a process may hold at once: bodies while they arrive and wait, images while decoded."""

import asyncio
from collections import Counter, deque


class Budget:
    """Taken at once or not at all by uploads, waited for in turn by decoding; used by the event loop alone.

    Uploads together take two fifths of it at the most, so that what has arrived can always go on, and those of one
    client half of that.

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

    def upload(self, size: int, client: str) -> bool:
        """Take `size` more bytes for an upload of this client, if there are as many; `uploaded` gives them back."""
        if self._uploads + size > 2 * self.a_fifth or self._clients.get(client, 0) + size > self.a_fifth:
            return False
        self._uploads += size
        self._clients[client] += size
        self.taken += size
        return True

    def uploaded(self, size: int, client: str) -> None:
        self._uploads -= size
        self._clients[client] -= size
        if not self._clients[client]:
            del self._clients[client]
        self.give(size)

    def extend(self, size: int) -> bool:
        """More for one that has its share: at once or not at all, for those who wait for each other wait for ever."""
        if self.taken + size > self.total:
            return False
        self.taken += size
        return True

    async def take(self, size: int) -> None:
        """Wait in turn until `size` bytes are free; at most `spare` of them are ever given."""
        if not self._waiting and self.taken + size <= self.total:
            self.taken += size
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            else:
                self._waiting.remove((size, turn))
                self.give(0)
            raise

    def give(self, size: int) -> None:
        self.taken -= size
        while self._waiting and self.taken + self._waiting[0][0] <= self.total:
            size, turn = self._waiting.popleft()
            if not turn.done():
                self.taken += size
                turn.set_result(None)

    @property
    def spare(self) -> int:
        """What decoding can hope for: the uploads' share is not its own."""
        return 3 * self.a_fifth
