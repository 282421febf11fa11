"""Around every request: its id, headers that keep browsers safe, one log line, its metrics, and its API key.

Paths with control characters get no further than this: patterns of addresses and lines of logs misread them.
"""

import itertools
import logging
import re
import secrets
import time
from collections.abc import Sequence, Set
from typing import Any

import msgspec
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kedja.serving.errors import RequestError
from kedja.serving.keys import presented
from kedja.serving.state import Service

access = logging.getLogger("kedja.access")
logger = logging.getLogger(__name__)

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

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
    """ASGI middleware; the outermost, so that no answer leaves without its headers and none goes uncounted.

    A client's `X-Request-ID` is kept where it is a short plain word, else one is made. While the service drains,
    every answer ends its connection.
    """

    def __init__(self, app: ASGIApp, service: Service, paths: Set[str]) -> None:
        self.app = app
        self.service = service
        self.paths = paths
        # Unique among processes by its beginning and within one by its end; asking the kernel each time costs 17 µs.
        self._ids = map(f"{secrets.token_hex(4)}{{:08x}}".format, itertools.count())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _given_id(scope["headers"]) or next(self._ids)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        started = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], (b"x-request-id", request_id.encode()), *SECURITY_HEADERS]
                if self.service.draining:
                    headers.append((b"connection", b"close"))
                message["headers"] = headers
            await send(message)

        try:
            if _CONTROL.search(scope["path"]):
                await send_error(scope, send_with_headers, _CONTROL_CHARACTERS, self.service)
                return
            await self.app(scope, receive, send_with_headers)
        except ClientDisconnect:
            status = 499  # the customary number for a client that went away; nobody reads an answer
        except Exception:
            logger.exception("request %s failed", request_id)
            if status:
                raise
            await send_error(scope, send_with_headers, _INTERNAL, self.service)
        finally:
            self._record(scope, request_id, status, time.perf_counter() - started)

    def _record(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        # Addresses that do not exist share one label: clients must not grow the metrics.
        path = scope["path"] if scope["path"] in self.paths else "other"
        metrics = self.service.metrics
        metrics.requests.labels(path, status).inc()
        metrics.request_seconds.labels(path).observe(seconds)
        if self.service.settings.access_log:
            fields: dict[str, Any] = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "milliseconds": round(seconds * 1000, 2),
                "request_id": request_id,
                "client": (scope.get("client") or ("",))[0],
            }
            if "key_owner" in scope["state"]:
                fields["key"] = scope["state"]["key_owner"]
            if self.service.tracing:
                fields["trace_id"] = self.service.tracing.trace_id()
            access.info("request", extra={"fields": fields})


class KeyGuard:
    """ASGI middleware: all but `open_routes` needs an API key, whether there is such an address or not.

    Args:
        open_routes: the first of the router's routes, in its order. It takes the first that matches, so a request that
            one of them matches here is answered by that one and by no other.
    """

    def __init__(self, app: ASGIApp, service: Service, open_routes: Sequence[BaseRoute]) -> None:
        self.app = app
        self.service = service
        self.open_routes = open_routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        keys = self.service.keys
        if keys is not None and scope["type"] != "lifespan" and not self._is_open(scope):
            owner = keys.owner(presented(Headers(scope=scope)))
            if owner is None:
                await send_error(scope, send, _UNAUTHORISED, self.service)
                return
            scope["state"]["key_owner"] = owner
        await self.app(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        # The router's own way of matching, root_path included; another method of an open address matches in part only.
        return any(route.matches(scope)[0] is Match.FULL for route in self.open_routes)


_UNAUTHORISED = RequestError(
    401,
    "unauthorised",
    "this address needs a valid API key",
    "send Authorization: Bearer <key>",
    {"WWW-Authenticate": "Bearer"},
)
_CONTROL_CHARACTERS = RequestError(
    400, "bad-path", "the path holds a control character", "send the address without it, neither plain nor as %XX"
)
_INTERNAL = RequestError(500, "internal", "the service failed to answer; its log says why under this request id")


async def send_error(scope: Scope, send: Send, error: RequestError, service: Service) -> None:
    """Answer with an error, outside of any route."""
    service.metrics.errors.labels(error.code).inc()
    body = msgspec.json.encode(error.to_json(scope["state"]["request_id"]))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), text.encode()) for name, text in error.headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _given_id(headers: list[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value.decode()
    return ""
