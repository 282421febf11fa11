"""Reading a request's body within limits, before anything looks at it."""

import asyncio
import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from kedja.serving.budget import Budget
from kedja.serving.errors import RequestError, busy, too_large

# The first 64 bits of an IPv6 address name a network, which is one client's.
_NETWORK = 4
_FEW_BYTES = 1_000_000


@dataclass(frozen=True)
class Pace:
    """How slow an upload may be: in every `seconds`, `rate` bytes a second must come, and one byte at the least."""

    seconds: float
    rate: float


@asynccontextmanager
async def read(request: Request, limit: int, deadline: float, pace: Pace, budget: Budget) -> AsyncIterator[bytes]:
    """The whole body, whose bytes are taken from the budget as they arrive and given back at the end of the block.

    Args:
        limit: bytes at the most; judged by Content-Length before reading, and again while reading.
        deadline: of the upload, on the clock of `time.monotonic`.

    Raises:
        RequestError: 408, 413, 415; 503 where uploads, or those of this client, hold all that they may.
        ClientDisconnect: the client went away.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RequestError(415, "unsupported-encoding", "the body is compressed", "send it without Content-Encoding")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    upload = _Upload(request, limit, budget)
    try:
        yield await upload.arrive(deadline, pace)
    finally:
        budget.uploaded(upload.size, upload.client)


class _Upload:
    def __init__(self, request: Request, limit: int, budget: Budget) -> None:
        self.client = _network(request)
        self.size = 0
        self._request = request
        self._limit = limit
        self._budget = budget
        # Grows in place, and is not copied at the end: joined, large bodies would be there twice, after a long moment.
        self._whole: io.BytesIO | None = None

    async def arrive(self, deadline: float, pace: Pace) -> bytes:
        loop = asyncio.get_running_loop()
        last = loop.time() + deadline - time.monotonic()
        enough, seen = max(1.0, pace.rate * pace.seconds), 0
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout_at(min(last, loop.time() + pace.seconds)) as timeout:
                while await self._one(pieces):
                    if self.size - seen >= enough:
                        seen = self.size
                        timeout.reschedule(min(last, loop.time() + pace.seconds))
        except TimeoutError:
            raise RequestError(
                408,
                "upload-too-slow",
                f"the body did not arrive in time: {enough:g} bytes in {pace.seconds:g} s at the least, "
                "all of it before the request's deadline",
                headers={"Connection": "close"},
            ) from None
        return self._whole.getvalue() if self._whole else b"".join(pieces)

    async def _one(self, pieces: list[bytes]) -> bool:
        """Wait for the next piece; whether there is more to come."""
        message = await self._request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece: bytes = message.get("body", b"")
        if self.size + len(piece) > self._limit:
            raise too_large(self._limit)
        if not self._budget.upload(len(piece), self.client):
            error = busy("uploads hold all the memory that they may")
            # The rest of the body is not read.
            error.headers["Connection"] = "close"
            raise error
        self.size += len(piece)
        if self._whole is None and self.size <= _FEW_BYTES:
            pieces.append(piece)
            return bool(message.get("more_body", False))
        if self._whole is None:
            self._whole = io.BytesIO()
            self._whole.writelines(pieces)
            pieces.clear()
        self._whole.write(piece)
        return bool(message.get("more_body", False))


def _network(request: Request) -> str:
    address = request.client.host if request.client else ""
    return ":".join(address.split(":")[:_NETWORK]) if ":" in address else address
