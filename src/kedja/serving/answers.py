"""The answers to a prediction: full, or compact where `Accept` asks for it."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from fastapi import Response
from numpy.typing import NDArray
from python_multipart.multipart import parse_options_header

from kedja.common.errors import cut
from kedja.serving.engine import Answer
from kedja.serving.errors import RequestError

FULL = "application/json"
CLASS_ONLY = "application/vnd.kedja.class+json"
TOP = "application/vnd.kedja.top+json"
DEFAULT_TOP = 5
_COUNT = re.compile(rb"[0-9]{1,6}")
# RFC 9110, 12.4.2.
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")

Row = NDArray[np.float32]
Describe = Callable[[Row, int, list[str]], dict[str, Any]]


class JsonAnswer(Response):
    """JSON by msgspec."""

    media_type = FULL

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content)


def respond(answer: Answer, accept: str) -> JsonAnswer:
    """The answer in the first form of `Accept` that is known, else in full.

    Raises:
        RequestError: `k` of the top form is no number from 1, or a weight none.
    """
    media_type, describe = choose(accept)
    metadata = answer.predictor.metadata
    model = {"name": metadata.name, "version": metadata.version}
    rows = zip(answer.probabilities, answer.best, strict=True)
    predictions = [describe(row, best, metadata.classes) for row, best in rows]
    if answer.known is not None:
        predictions = [{**said, "known": known} for said, known in zip(predictions, answer.known, strict=True)]
    if answer.explanations:
        why = [{"explanation": one.to_json(metadata.classes)} for one in answer.explanations]
        predictions = [said | one for said, one in zip(predictions, why, strict=True)]
    if answer.remarks:
        predictions = [said | remark for said, remark in zip(predictions, answer.remarks, strict=True)]
    content = {"predictions": predictions, "model": model} if answer.many else {**predictions[0], "model": model}
    return JsonAnswer(content, media_type=media_type)


def choose(accept: str) -> tuple[str, Describe]:
    """The media type of the answer, and what describes one image in it."""
    if "vnd.kedja." not in accept:
        return FULL, full
    wanted = [_wanted(text) for text in accept.split(",")]
    # The first of those with the highest weight, as RFC 9110 has it; of other forms nothing is known.
    known = [one for one in wanted if one[0] in (CLASS_ONLY, TOP, FULL) and one[1] > 0]
    kind, _, count = max(known, key=lambda one: one[1], default=(FULL, 1.0, b""))
    if kind == CLASS_ONLY:
        return CLASS_ONLY, class_only
    return (TOP, top(_count(count))) if kind == TOP else (FULL, full)


def _wanted(text: str) -> tuple[str, float, bytes]:
    """Media type, weight and `k` of one entry of `Accept`."""
    try:
        kind, parameters = parse_options_header(text)
        weight = parameters.get(b"q", b"1").decode("ascii")
    except Exception as error:  # noqa: BLE001 -- encoded parameters fail in many ways
        raise _unreadable(text, type(error).__name__) from None
    if not _WEIGHT.fullmatch(weight):
        raise _unreadable(text, "q is no weight from 0 to 1")
    return kind.decode("latin-1"), float(weight), parameters.get(b"k", b"")


def _unreadable(text: str, why: str) -> RequestError:
    return RequestError(400, "invalid-accept", f"Accept: {text[:100]!r} cannot be read: {why}", f"Accept: {TOP}; k=3")


def class_only(row: Row, best: int, classes: list[str]) -> dict[str, Any]:
    return {"predicted_class": classes[best], "class_index": best}


def full(row: Row, best: int, classes: list[str]) -> dict[str, Any]:
    """Probabilities as the float64 of the same value, whose digits give a client the very float32 back.

    `prediction` is the class again, under the name that front ends of the workshop read.
    """
    return {**class_only(row, best, classes), "prediction": classes[best], "probabilities": row.tolist()}


def top(count: int) -> Describe:
    """The `count` most probable classes, the best first."""

    def describe(row: Row, best: int, classes: list[str]) -> dict[str, Any]:
        order = np.argsort(-row, kind="stable")[:count].tolist()
        ranked = [{"class": classes[i], "class_index": i, "probability": float(row[i])} for i in order]
        return {**class_only(row, best, classes), "top": ranked}

    return describe


def _count(text: bytes) -> int:
    if not text:
        return DEFAULT_TOP
    # Its length first: Python makes no number of thousands of digits, and says so by an exception.
    if not _COUNT.fullmatch(text) or not int(text):
        said = cut(text.decode("latin-1"))
        raise RequestError(422, "invalid-input", f"k={said} is no number from 1 to 999999", "Accept: …; k=5")
    return int(text)
