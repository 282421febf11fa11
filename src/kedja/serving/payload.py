"""The body of a request → images: JSON (base64 or raw pixels), multipart uploads, image bodies.

Runs on worker threads, after the size of the body was judged and before anything is predicted.
"""

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from kedja.bundle.image_spec import ImageSpec
from kedja.bundle.preprocess import ImageError, examine
from kedja.common.errors import nearest
from kedja.serving import npy
from kedja.serving.errors import RequestError, from_image_error

NPY = "application/x-npy"
IMAGE_KEYS = ("image", "images", "pixels")


@dataclass(frozen=True)
class Limits:
    """What one request may ask for: number of images, and pixels of each."""

    images: int
    pixels: int


@dataclass(frozen=True)
class Images:
    """The images of one request, as the model takes them.

    Attributes:
        pixels: uint8 (N, H, W, C).
        many: whether the client sent a list, and so gets one back, whatever its length.
        sizes: width and height of each encoded image, as its file stores it; empty where pixels were sent.
    """

    pixels: NDArray[np.uint8]
    many: bool
    sizes: Sequence[tuple[int, int]] = ()


def media_type(content_type: str) -> str:
    """The type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def read(content_type: str, body: bytes, spec: ImageSpec, limits: Limits) -> Images:
    """The images of a body.

    Raises:
        RequestError: 400 for a body that does not parse, 413, 415 or 422 for what it says.
    """
    kind = media_type(content_type)
    if kind == "application/json" or kind.endswith("+json"):
        return _from_json(body, spec, limits)
    if kind == "multipart/form-data":
        files = _multipart_files(content_type, body, limits)
        return _decode(files, spec, limits, many=len(files) > 1)
    if kind == NPY:
        return _shaped(_bytes_range(npy.read(body), spec), spec, limits)
    if kind.startswith("image/") or kind == "application/octet-stream":
        return _decode([body], spec, limits, many=False)
    raise unsupported(kind)


def unsupported(kind: str) -> RequestError:
    return RequestError(
        415,
        "unsupported-media-type",
        f"a body of type {kind!r} is not understood" if kind else "the request does not say what its body is",
        "send application/json, multipart/form-data with `file`, application/x-npy, or the image itself with "
        "Content-Type: image/…",
    )


def _decode(images: list[bytes], spec: ImageSpec, limits: Limits, many: bool) -> Images:
    pixels = np.empty((len(images), *spec.shape), np.uint8)
    sizes: list[tuple[int, int]] = []
    for position, data in enumerate(images):
        try:
            examined = examine(data, spec, limits.pixels)
            pixels[position] = examined.pixels
            sizes.append((examined.width, examined.height))
        except ImageError as error:
            raise from_image_error(error, f"image {position} of {len(images)}" if len(images) > 1 else "") from None
    return Images(pixels, many, sizes)


def _from_json(body: bytes, spec: ImageSpec, limits: Limits) -> Images:
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        # msgspec.DecodeError and UnicodeDecodeError are the first; the second are lists nested too deeply.
        raise RequestError(400, "invalid-json", f"the body is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise _invalid("the body is not a JSON object", 'send {"image": "<base64>"}')
    unknown = [key for key in value if key not in IMAGE_KEYS]
    if unknown:
        raise _invalid(f"unknown key {unknown[0]!r}", nearest(unknown[0], list(IMAGE_KEYS)))
    if len(value) != 1:
        raise _invalid(f"the body has {len(value)} of the keys image, images, pixels", "send exactly one of them")
    ((key, content),) = value.items()
    if key == "pixels":
        return _from_pixels(content, spec, limits)
    texts = content if key == "images" else [content]
    if not isinstance(texts, list) or not texts:
        raise _invalid(f"`{key}` is not a list of base64 strings with at least one of them")
    _check_count(len(texts), limits)
    return _decode([_base64(text, key) for text in texts], spec, limits, many=key == "images")


def _base64(text: Any, key: str) -> bytes:
    if not isinstance(text, str):
        raise _invalid(f"`{key}` holds no base64 text but {_json_type(text)}")
    if text.startswith("data:"):
        # Browsers write images as data addresses.
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise _invalid(f"`{key}` is a data address without base64")
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError as error:
        # binascii.Error, and ValueError for text outside ASCII
        raise _invalid(f"`{key}` is not valid base64: {error}", "use the standard alphabet with padding") from None


def _from_pixels(value: Any, spec: ImageSpec, limits: Limits) -> Images:
    if not isinstance(value, list):
        raise _invalid(f"`pixels` is no list but {_json_type(value)}", _shape_remedy(spec))
    try:
        array = np.array(value)
    except ValueError:
        raise _invalid("`pixels` has rows of different lengths", _shape_remedy(spec)) from None
    return _shaped(_bytes_range(array, spec), spec, limits)


def _bytes_range(array: NDArray[Any], spec: ImageSpec) -> NDArray[np.uint8]:
    """Whole numbers 0…255 as uint8; nothing is scaled or rounded, for that would be a guess."""
    if array.dtype == np.uint8:
        return array
    if array.size and array.dtype.kind not in "iu":
        raise _invalid("`pixels` holds something other than whole numbers", _shape_remedy(spec))
    if array.size and (array.min() < 0 or array.max() > 255):
        raise _invalid(f"`pixels` holds {array.min()}…{array.max()}, outside 0…255", _shape_remedy(spec))
    return array.astype(np.uint8)


def _shaped(array: NDArray[np.uint8], spec: ImageSpec, limits: Limits) -> Images:
    """One image as (H, W, C), (H, W) where C is 1, or flat; several as (N, …) of these."""
    single = [spec.shape, (int(np.prod(spec.shape)),)]
    if spec.channels == 1:
        single.append(spec.shape[:2])
    if array.shape in single:
        return Images(array.reshape(1, *spec.shape), many=False)
    if array.shape[1:] in single and len(array):
        _check_count(len(array), limits)
        return Images(array.reshape(-1, *spec.shape), many=True)
    raise _invalid(f"`pixels` has the shape {array.shape}", _shape_remedy(spec))


def _multipart_files(content_type: str, body: bytes, limits: Limits) -> list[bytes]:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise RequestError(400, "invalid-multipart", "the Content-Type has no boundary")
    reader = _MultipartReader(limits)
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise RequestError(400, "invalid-multipart", f"the body is not valid multipart: {error}") from None
    if not reader.finished:
        raise RequestError(400, "invalid-multipart", "the multipart body ends before its last boundary")
    if not reader.files:
        raise _invalid("the form has no part", "send the image as `file`")
    return [bytes(file) for file in reader.files]


class _MultipartReader:
    """Collects the parts named `file`; python-multipart calls back with pieces."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.files: list[bytearray] = []
        self.finished = False
        self._name = bytearray()
        self._value = bytearray()
        self._part: str | None = None

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": lambda data, start, end: self.files[-1].extend(data[start:end]),
            "on_end": self._on_end,
        }

    def _on_part_begin(self) -> None:
        self._part = None

    def _on_header_end(self) -> None:
        if bytes(self._name).lower() == b"content-disposition":
            self._part = parse_options_header(bytes(self._value))[1].get(b"name", b"").decode("utf-8", "replace")
        self._name.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        if self._part != "file":
            raise _invalid(f"the form has a part named {self._part!r}", "name the image `file`")
        _check_count(len(self.files) + 1, self.limits)
        self.files.append(bytearray())

    def _on_end(self) -> None:
        self.finished = True


def _check_count(count: int, limits: Limits) -> None:
    if count > limits.images:
        raise RequestError(
            413, "too-many-images", f"the request has more than {limits.images} images", "send several requests"
        )


def _invalid(message: str, remedy: str = "") -> RequestError:
    return RequestError(422, "invalid-input", message, remedy)


def _shape_remedy(spec: ImageSpec) -> str:
    return f"send whole numbers 0…255 of shape (H, W, C) = {spec.shape}, flat, or (N, …) for several images"


def _json_type(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "a boolean", type(None): "null", str: "a string"}
    return names.get(type(value), "a number")
