"""Reading a request's body within limits, before anything looks at it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from kedja.serving.budget import Budget
from kedja.serving.errors import RequestError, busy, too_large

# The first 64 bits of an IPv6 address name a network, which is one client's.
_NETWORK = 4


@asynccontextmanager
async def read(request: Request, limit: int, deadline: float, silence: float, budget: Budget) -> AsyncIterator[bytes]:
    """The whole body, whose bytes are taken from the budget as they arrive and given back at the end of the block.

    Args:
        limit: bytes at the most; judged by Content-Length before reading, and again while reading.
        deadline: of the upload, on the clock of `time.monotonic`.
        silence: seconds without a byte after which the upload is given up.

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
        yield await upload.arrive(deadline, silence)
    finally:
        budget.uploaded(upload.size, upload.client)


class _Upload:
    def __init__(self, request: Request, limit: int, budget: Budget) -> None:
        self.client = _network(request)
        self.size = 0
        self._request = request
        self._limit = limit
        self._budget = budget

    async def arrive(self, deadline: float, silence: float) -> bytes:
        pieces: list[bytes] = []
        loop = asyncio.get_running_loop()
        offset = loop.time() - time.monotonic()
        try:
            async with asyncio.timeout_at(min(deadline + offset, loop.time() + silence)) as timeout:
                while await self._one(pieces):
                    timeout.reschedule(min(deadline + offset, loop.time() + silence))
        except TimeoutError:
            raise RequestError(
                408,
                "upload-too-slow",
                f"the body did not arrive in time: {silence:g} s without a byte, or the request's deadline",
                headers={"Connection": "close"},
            ) from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

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
        if piece:
            pieces.append(piece)
        return bool(message.get("more_body", False))


def _network(request: Request) -> str:
    address = request.client.host if request.client else ""
    return ":".join(address.split(":")[:_NETWORK]) if ":" in address else address
