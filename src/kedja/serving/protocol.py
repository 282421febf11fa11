"""uvicorn's HTTP protocol with limits on a request's head: how long it may take, and how large it may be."""

import asyncio
import json
import secrets
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from kedja.serving.errors import RequestError

MAX_HEAD = 65_536


class GuardedProtocol(HttpToolsProtocol):
    """Ends connections whose next request does not get past its headers, and answers nobody on an ended one.

    uvicorn itself limits neither; a client that sends a byte a minute would hold its connection for ever. And it knows
    of the latest request only that its client is gone: an answer to one before, of several sent in one piece, would
    be written to a closed connection, which is an error in the log for every client that likes to make one.
    """

    header_timeout: ClassVar[float]

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._unanswered: list[RequestResponseCycle] = []
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        self._forget_unanswered()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_timer is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        # Still no end of the head in sight after this piece.
        if self._head_timer is not None and self._head_bytes > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response(f"The request's head is larger than {MAX_HEAD} bytes.")

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that has sent whole requests and says that it has no more still gets its answers.

        Over TLS the connection ends all the same: asyncio has no half of one there.
        """
        waiting = [one for one in self._unanswered if not one.response_complete]
        if not waiting or waiting[-1].more_body or self._head_bytes:
            return False
        waiting[-1].keep_alive = False
        return True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_timer is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        self._head_arrived()
        super().on_headers_complete()
        requests = [*self._unanswered, self.cycle]
        self._unanswered = [one for one in requests if one is not None and not one.response_complete]

    def send_400_response(self, msg: str) -> None:
        """As every other error: in JSON, with a request id, which here is in no log."""
        error = RequestError(400, "invalid-http", msg, "send a request of HTTP/1.1")
        body = json.dumps(error.to_json(secrets.token_hex(8))).encode()
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d"
        self.transport.write(head % len(body) + b"\r\n\r\n" + body)
        self.transport.close()
        self._forget_unanswered()

    def _forget_unanswered(self) -> None:
        """Whoever waits for more of a request, or is about to answer it, learns that the client is gone."""
        for request in self._unanswered:
            request.disconnected = True
            request.message_event.set()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.header_timeout, self._head_is_late)

    def _head_arrived(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()
            self._forget_unanswered()


def guarded(header_timeout: float) -> type[asyncio.Protocol]:
    """The protocol class with this timeout in seconds."""
    return type("Guarded", (GuardedProtocol,), {"header_timeout": header_timeout})
