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


# Of examples whose bytes are right, and whose values are not what the model takes.
_WRONG_VALUES = ("invalid-input", "out-of-scale", "unknown-column", "missing-column")


def from_input_error(error: InputError, *, upload: bool = False) -> RequestError:
    """The refusal that belongs to an example that the model cannot take.

    An uploaded file that is no example is a malformed body; in JSON it is a wrong value of a well-formed one. Size has
    a status of its own.
    """
    status = 400 if upload and error.code not in _WRONG_VALUES else 422
    status = 413 if error.code.startswith("too-") else status
    return RequestError(status, error.code, error.problem, error.remedy)


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
