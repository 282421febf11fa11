"""Requests and answers as both clients use them: no input or output happens here."""

import ipaddress
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

Image = bytes | Path | str

IMAGES = "images"
RETRIED = frozenset({429, 502, 503, 504})
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0


@dataclass(frozen=True)
class Prediction:
    """What the model says of one image.

    Attributes:
        predicted_class: name of the most probable class.
        class_index: its position in the class names.
        probabilities: one for each class, in the order of the class names.
        model_name, model_version: which model said it.
        known: whether the image is like those that the model learnt from; None where the bundle cannot tell.
    """

    predicted_class: str
    class_index: int
    probabilities: list[float]
    model_name: str
    model_version: str
    known: bool | None = None


class ServiceError(Exception):
    """The service refused or failed.

    Attributes:
        status: HTTP status.
        code: the service's stable word for it, for example ``unknown-format``; ``http`` where a proxy answered.
        message, remedy: for people.
        request_id: as in the service's log.
    """

    def __init__(self, status: int, code: str, message: str, remedy: str = "", request_id: str = "") -> None:
        self.status = status
        self.code = code
        self.message = message
        self.remedy = remedy
        self.request_id = request_id
        super().__init__(f"{status} {code}: {message}" + (f" ({remedy})" if remedy else ""))


@dataclass(frozen=True)
class Retries:
    """How often a request is sent again, and how long to wait before.

    A request is repeated when no connection could be made or kept, and for the statuses that say "later": predicting
    changes nothing, so asking twice is safe. `Retry-After` is obeyed; else the pause doubles, with a random share so
    that clients do not come back all at once.
    """

    attempts: int = 4

    def pause(self, attempt: int, retry_after: str | None) -> float:
        """Seconds before the next attempt; `attempt` counts from 1."""
        if retry_after is not None and retry_after.isdigit():
            return min(float(retry_after), _LONGEST_PAUSE)
        longest: float = min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE)
        return random.uniform(longest / 2, longest)


def direct(url: str) -> dict[str, None]:
    """The mounts of httpx for an address: a service on this very machine is asked directly, whatever proxy is set."""
    host = httpx.URL(url).host
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    return {"http://": None, "https://": None} if here else {}


def form_files(images: Sequence[Image]) -> list[tuple[str, tuple[str, bytes]]]:
    """The parts of the upload; paths are read."""
    contents = [image if isinstance(image, bytes) else Path(image).read_bytes() for image in images]
    return [("file", (str(position), content)) for position, content in enumerate(contents)]


def several(example: Mapping[str, Any]) -> dict[str, list[Any]]:
    """One example by the name of its kind, as ``row``, → a list of it by the name of several, ``rows``."""
    return {f"{noun}s": [value] for noun, value in example.items()}


def batches(
    images: Sequence[Image], examples: Mapping[str, Sequence[Any]], size: int
) -> Iterator[tuple[str, Sequence[Any]]]:
    """As many requests as it takes, each of `size` examples at the most, with the name of their kind.

    Raises:
        TypeError: examples of several kinds were given.
    """
    if len(examples) + bool(images) > 1:
        raise TypeError("a service takes examples of one kind")
    for nouns, values in [(IMAGES, images), *examples.items()]:
        for start in range(0, len(values), size):
            yield nouns, values[start : start + size]


def content(nouns: str, values: Sequence[Any]) -> dict[str, Any]:
    """What httpx is to send of a batch: files of images, which are read, and JSON of all else."""
    return {"files": form_files(values)} if nouns == IMAGES else {"json": {nouns: list(values)}}


def predictions(answer: dict[str, Any]) -> list[Prediction]:
    """The service's answer to one image or to many."""
    model = answer["model"]
    return [
        Prediction(
            one["predicted_class"],
            one["class_index"],
            one["probabilities"],
            model["name"],
            model["version"],
            one.get("known"),
        )
        for one in answer.get("predictions", [answer])
    ]


def value(status: int, content: bytes) -> Any:
    """The JSON of an answer.

    Raises:
        ServiceError: the status is 400 or above, or the content is no JSON.
    """
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if status < httpx.codes.BAD_REQUEST and body is not None:
        return body
    raise _error(status, body)


def _error(status: int, body: Any) -> ServiceError:
    detail = body.get("error") if isinstance(body, dict) else None
    if not isinstance(detail, dict):
        return ServiceError(status, "http", "an answer that is not the service's own")
    return ServiceError(
        status,
        detail.get("code", "http"),
        detail.get("message", ""),
        detail.get("remedy", ""),
        detail.get("request_id", ""),
    )


def headers(key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}
