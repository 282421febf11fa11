"""The errors of a request, in one JSON shape."""

from typing import Any

from kedja.bundle.inputs.input import InputError


class RequestError(Exception):
    """A request that is refused, and why.

    Args:
        status: HTTP status.
        code: a stable word for programs, for example ``unknown-format``.
        message: what is wrong and where, for people.
        remedy: what the client can do.
        headers: further response headers, for example ``Retry-After``.
    """

    def __init__(
        self, status: int, code: str, message: str, remedy: str = "", headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.remedy = remedy
        self.headers = headers or {}
        super().__init__(f"{status} {code}: {message}")

    def to_json(self, request_id: str) -> dict[str, Any]:
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "remedy": self.remedy,
                "request_id": request_id,
            }
        }


def from_input_error(error: InputError) -> RequestError:
    """The refusal that belongs to an example that the model cannot take.

    A damaged one is a well-formed request about something that cannot be processed; size has a status of its own.
    """
    return RequestError(413 if error.code.startswith("too-") else 422, error.code, error.problem, error.remedy)


def busy(why: str) -> RequestError:
    return RequestError(503, "busy", why, "come again after Retry-After seconds", {"Retry-After": "1"})


def too_large(limit: int) -> RequestError:
    return RequestError(
        413,
        "body-too-large",
        f"the request's body is larger than the limit of {limit:,} bytes",
        "send fewer or smaller images, or raise max_body",
        # The rest of the body is not read: this connection is of no further use.
        {"Connection": "close"},
    )
