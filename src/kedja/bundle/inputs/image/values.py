"""Images as values of JSON, and as arrays of pixels."""

import binascii
import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.image.preprocess import Examined
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.inputs.input import Examples, InputError, Limits, json_type

_MOST_DIMENSIONS = 4
_BRIGHTEST = 255


def from_base64(value: Any) -> bytes:
    """The bytes of base64, or of a data address; raises `InputError`."""
    if not isinstance(value, str):
        raise _invalid(f"`image` holds no base64 string but {json_type(value)}")
    if value.startswith("data:"):
        # Browsers write images as data addresses.
        head, _, value = value.partition(",")
        if not head.endswith(";base64"):
            raise _invalid("`image` is a data address without base64")
    try:
        # Base64 may be broken into lines; `split` would make an object of every letter that stands alone.
        return binascii.a2b_base64(value.encode("ascii").translate(None, b" \t\r\n\v\f"), strict_mode=True)
    except ValueError as error:
        # binascii.Error, and UnicodeEncodeError for text outside ASCII
        raise _invalid(f"`image` is not valid base64: {error}", "use the standard alphabet with padding") from None


def from_pixels(value: Any, spec: ImageSpec, limits: Limits) -> Examples:
    """One image as (H, W, C), (H, W) where C is 1, or flat; several as (N, …) of these; raises `InputError`.

    Args:
        value: an array, or nested lists.
    """
    array = _bytes_range(value if isinstance(value, np.ndarray) else _array(value, spec), spec)
    single = [spec.shape, (int(np.prod(spec.shape)),)]
    if spec.channels == 1:
        single.append(spec.shape[:2])
    if array.shape in single:
        return Examples([Examined(array.reshape(spec.shape))], many=False)
    if array.shape[1:] in single and len(array):
        spec.check_count(len(array), limits)
        return Examples([Examined(pixels) for pixels in array.reshape(-1, *spec.shape)], many=True)
    raise _invalid(f"`pixels` has the shape {array.shape}", _shape_remedy(spec))


def _array(value: Any, spec: ImageSpec) -> NDArray[Any]:
    if not isinstance(value, list):
        raise _invalid(f"`pixels` is no list but {json_type(value)}", _shape_remedy(spec))
    shape: list[int] = []
    values = value
    while True:
        shape.append(len(values) // math.prod(shape) if math.prod(shape) else 0)
        kinds = set(map(type, values))
        if kinds <= {int}:
            break
        if kinds != {list}:
            raise _invalid("`pixels` holds something other than whole numbers", _shape_remedy(spec))
        if len(shape) == _MOST_DIMENSIONS or len(set(map(len, values))) > 1:
            raise _invalid("`pixels` has rows of different lengths", _shape_remedy(spec))
        values = list(itertools.chain.from_iterable(values))
    # Judged as they are: numpy would look for a type that takes them all, and make texts of numbers.
    least, most = min(values, default=0), max(values, default=0)
    if least < -(2**63) or most >= 2**64:
        raise _invalid("`pixels` holds something other than whole numbers", _shape_remedy(spec))
    if least < 0 or most > _BRIGHTEST:
        raise _outside(least, most, spec)
    return np.array(values, np.uint8).reshape(shape)


def _bytes_range(array: NDArray[Any], spec: ImageSpec) -> NDArray[np.uint8]:
    """Whole numbers 0…255 as uint8; nothing is scaled or rounded, for that would be a guess."""
    if array.dtype == np.uint8:
        return array
    if array.size and array.dtype.kind not in "iu":
        raise _invalid("`pixels` holds something other than whole numbers", _shape_remedy(spec))
    if array.size and (array.min() < 0 or array.max() > 255):
        raise _outside(array.min(), array.max(), spec)
    return array.astype(np.uint8)


def _outside(least: Any, most: Any, spec: ImageSpec) -> InputError:
    return _invalid(f"`pixels` holds {least}…{most}, outside 0…255", _shape_remedy(spec))


def unpack(packed: Any, spec: ImageSpec) -> Examined:
    """The inverse of `ImageSpec.pack`; raises `ValueError` for anything else."""
    try:
        pixels, name, width, height = packed
        array = np.frombuffer(pixels, np.uint8).reshape(spec.shape)
        return Examined(array, str(name)[:20], float(width), float(height))
    except TypeError as error:
        raise ValueError(str(error)) from None


def _invalid(problem: str, remedy: str = "") -> InputError:
    return InputError("invalid-input", problem, remedy)


def _shape_remedy(spec: ImageSpec) -> str:
    return f"send whole numbers 0…255 of shape (H, W, C) = {spec.shape}, flat, or (N, …) for several images"
