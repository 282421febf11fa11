"""The errors of a request, in one JSON shape."""

from typing import Any

from kedja.bundle.preprocess import ImageError

# A damaged image is a well-formed request about something that cannot be processed; size has a status of its own.
_IMAGE_STATUS = {"too-large": 413}


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


def from_image_error(error: ImageError, where: str = "") -> RequestError:
    """The refusal that belongs to an image that cannot be decoded."""
    message = f"{where}: {error.problem}" if where else error.problem
    return RequestError(_IMAGE_STATUS.get(error.code, 422), error.code, message, error.remedy)


def too_large(limit: int) -> RequestError:
    return RequestError(
        413,
        "body-too-large",
        f"the request's body is larger than the limit of {limit:,} bytes",
        "send fewer or smaller images, or raise max_body",
        # The rest of the body is not read: this connection is of no further use.
        {"Connection": "close"},
    )
