"""Around every request: its id, headers that keep browsers safe, one log line, and errors in one shape."""

import logging
import re
import secrets
import time
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kedja.serving.errors import RequestError

access = logging.getLogger("kedja.access")
logger = logging.getLogger(__name__)

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

SECURITY_HEADERS: Sequence[tuple[bytes, bytes]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
)


class Envelope:
    """ASGI middleware; the outermost, so that no answer leaves without its headers.

    A client's `X-Request-ID` is kept where it is a short plain word, else one is made.
    """

    def __init__(self, app: ASGIApp, access_log: bool) -> None:
        self.app = app
        self.access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope["headers"])
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        started = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), *SECURITY_HEADERS]
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except ClientDisconnect:
            status = 499  # the customary number for a client that went away; nobody reads an answer
        except Exception:
            logger.exception("request %s failed", request_id)
            if status:
                raise
            await _send_error(send_with_headers, _INTERNAL, request_id)
        finally:
            if self.access_log:
                _log(scope, request_id, status, time.perf_counter() - started)


_INTERNAL = RequestError(500, "internal", "the service failed to answer; its log says why under this request id")


async def _send_error(send: Send, error: RequestError, request_id: str) -> None:
    body = orjson.dumps(error.to_json(request_id))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _request_id(headers: list[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value.decode()
    return secrets.token_hex(8)


def _log(scope: Scope, request_id: str, status: int, seconds: float) -> None:
    fields: dict[str, Any] = {
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "milliseconds": round(seconds * 1000, 2),
        "request_id": request_id,
        "client": (scope.get("client") or ("",))[0],
    }
    access.info("request", extra={"fields": fields})
