"""Reading a request's body within limits, before anything looks at it."""

import asyncio

from starlette.requests import Request

from kedja.serving.errors import RequestError, too_large


async def read(request: Request, limit: int, seconds: float) -> bytes:
    """The whole body.

    Args:
        limit: bytes at the most; judged by Content-Length before reading, and again while reading.
        seconds: how long the upload may take.

    Raises:
        RequestError: 408, 413, 415.
        ClientDisconnect: the client went away.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RequestError(415, "unsupported-encoding", "the body is compressed", "send it without Content-Encoding")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            return await _collect(request, limit)
    except TimeoutError:
        raise RequestError(
            408, "upload-too-slow", f"the body did not arrive within {seconds:g} s", headers={"Connection": "close"}
        ) from None


async def _collect(request: Request, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
