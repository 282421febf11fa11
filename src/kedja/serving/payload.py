"""The body of a request → examples: JSON, multipart uploads, bodies that are one example, `.npy` arrays.

Only the transport is known here; what the bytes mean is the `Input`'s. Runs on worker threads, where only what is
plainly cheap is read (see `Limits.plain`), and in decoders, which may be killed.
"""

from typing import Any

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from kedja.bundle.inputs.input import NPY, PLAIN_MEMORY, Costly, Examples, Input, InputError, Limits
from kedja.bundle.inputs.optional import TakesArrays
from kedja.common.errors import cut, nearest
from kedja.common.pairs import count_pairs
from kedja.serving import npy
from kedja.serving.errors import RequestError, from_input_error

# A body that is read in a thread: its parser keeps the interpreter for itself, some 5 ms at the worst.
_PLAIN_JSON = 2_000_000
_PLAIN_VALUES = 100_000
_PLAIN_LISTS = 20_000
_PLAIN_FORM = 8_000_000
_PLAIN_LINES = 1000
# Bytes that Python's objects take: of a list or an object, of an entry in one, of a text, of a number.
_OF_LIST, _OF_ENTRY, _OF_QUOTE, _OF_NUMBER = 100, 18, 30, 24


def media_type(content_type: str) -> str:
    """The type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def read(content_type: str, body: bytes, expected: Input, limits: Limits) -> Examples:
    """The examples of a body.

    Raises:
        RequestError: 400 for a body that does not parse, 413, 415 or 422 for what it says.
    """
    try:
        return _read(content_type, body, expected, limits)
    except InputError as error:
        raise from_input_error(error, upload="json" not in media_type(content_type)) from None


def _read(content_type: str, body: bytes, expected: Input, limits: Limits) -> Examples:
    kind = media_type(content_type)
    if limits.spent is not None:
        _charge(kind, body, limits)
    if kind == "application/json" or kind.endswith("+json"):
        return _from_json(body, expected, limits)
    if kind == "multipart/form-data":
        files = _multipart_files(content_type, body, expected, limits)
        return Examples(expected.each(lambda data: expected.decode(data, limits), files), many=len(files) > 1)
    if kind == NPY and isinstance(expected, TakesArrays):
        return expected.from_arrays(npy.read(body), limits)
    if any(_matches(kind, pattern) for pattern in expected.media_types):
        return expected.read_body(kind, body, limits)
    raise unsupported(kind, expected)


def _charge(kind: str, body: bytes, limits: Limits) -> None:
    """Before a body is parsed: may that be done here, and is there memory for what comes of it.

    Raises:
        Costly, InputError.
    """
    assert limits.spent is not None
    json = kind.endswith("json")
    if limits.plain:
        if not (_plain_json(body) if json else _plain_file(kind, body)):
            raise Costly
        copies = 3 if json else 2 * (kind == "multipart/form-data")
    else:
        copies = 3
    memory = copies * len(body)
    if json:
        memory += _OF_LIST * (body.count(b"[") + body.count(b"{")) + _OF_ENTRY * body.count(b",")
        memory += _OF_QUOTE * body.count(b'"') + _OF_NUMBER * body.count(b".")
    limits.spent.memory += memory
    if limits.plain and memory > PLAIN_MEMORY:
        raise Costly
    if memory > limits.memory:
        raise InputError("too-large", "the body holds too many values", "send several requests, or images as files")
    if limits.grant and memory:
        limits.grant(memory)


def _plain_json(body: bytes) -> bool:
    if len(body) > _PLAIN_JSON:
        return False
    lists = body.count(b"[") + body.count(b"{")
    return lists <= _PLAIN_LISTS and lists + body.count(b",") <= _PLAIN_VALUES


def _plain_file(kind: str, body: bytes) -> bool:
    return kind != "multipart/form-data" or (len(body) <= _PLAIN_FORM and count_pairs(body, b"\r\n") <= _PLAIN_LINES)


def _matches(kind: str, pattern: str) -> bool:
    return kind.startswith(pattern.removesuffix("*")) if pattern.endswith("*") else kind == pattern


def unsupported(kind: str, expected: Input) -> RequestError:
    arrays = f"{NPY}, " if isinstance(expected, TakesArrays) else ""
    return RequestError(
        415,
        "unsupported-media-type",
        f"a body of type {cut(kind)!r} is not understood" if kind else "the request does not say what its body is",
        f"send application/json, multipart/form-data with `file`, {arrays}or the {expected.noun} itself with "
        f"Content-Type: {expected.media_types[0].replace('*', '…')}",
    )


def _from_json(body: bytes, expected: Input, limits: Limits) -> Examples:
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        # msgspec.DecodeError and UnicodeDecodeError are the first; the second are lists nested too deeply.
        raise RequestError(400, "invalid-json", f"the body is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise _invalid("the body is not a JSON object", f"send {expected.hint}")
    keys = expected.json_keys
    unknown = [key for key in value if key not in keys]
    if unknown:
        raise _invalid(f"unknown key {cut(unknown[0])!r}", nearest(unknown[0], list(keys)))
    if len(value) != 1:
        raise _invalid(f"the body has {len(value)} of the keys {', '.join(keys)}", "send exactly one of them")
    ((key, content),) = value.items()
    return expected.read_json(key, content, limits)


def _multipart_files(content_type: str, body: bytes, expected: Input, limits: Limits) -> list[bytes]:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise RequestError(400, "invalid-multipart", "the Content-Type has no boundary")
    reader = _MultipartReader(expected, limits)
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise RequestError(400, "invalid-multipart", f"the body is not valid multipart: {error}") from None
    if not reader.finished:
        raise RequestError(400, "invalid-multipart", "the multipart body ends before its last boundary")
    if not reader.files:
        raise _invalid("the form has no part named `file`", f"send the {expected.noun} as `file`")
    return [bytes(file) for file in reader.files]


class _MultipartReader:
    """Collects the parts named `file`, and ignores plain fields; python-multipart calls back with pieces."""

    def __init__(self, expected: Input, limits: Limits) -> None:
        self.expected = expected
        self.limits = limits
        self.files: list[bytearray] = []
        self.finished = False
        self._name = bytearray()
        self._value = bytearray()
        self._part: dict[bytes, bytes] = {}
        self._ignored = False

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_end": self._on_end,
        }

    def _on_part_begin(self) -> None:
        self._part = {}

    def _on_header_end(self) -> None:
        if bytes(self._name).lower() == b"content-disposition":
            self._part = parse_options_header(bytes(self._value))[1]
        self._name.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        name = self._part.get(b"name", b"").decode("utf-8", "replace")
        # Front ends send tokens and settings along. A file under another name would be lost, and is refused.
        self._ignored = name != "file" and b"filename" not in self._part
        if self._ignored:
            return
        if name != "file":
            raise _invalid(f"the form has a file named {cut(name)!r}", f"name the {self.expected.noun} `file`")
        self.expected.check_count(len(self.files) + 1, self.limits)
        self.files.append(bytearray())

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if not self._ignored:
            self.files[-1].extend(data[start:end])

    def _on_end(self) -> None:
        self.finished = True


def _invalid(message: str, remedy: str = "") -> RequestError:
    return RequestError(422, "invalid-input", message, remedy)
