"""`application/x-npy`: one array in numpy's own file format, of which nothing is believed unchecked."""

import io
import math
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from kedja.serving.errors import RequestError

_READERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
_MAX_HEADER = 1000


def read(body: bytes) -> NDArray[Any]:
    """The array, a view of the body. Its header is checked against the body's length before anything is allocated.

    Raises:
        RequestError: 400 for a body that is no such file, or one that holds Python objects.
    """
    stream = io.BytesIO(body)
    try:
        version = npy_format.read_magic(stream)
        shape, fortran_order, dtype = _READERS[version](stream, max_header_size=_MAX_HEADER)
    except KeyError:
        raise _invalid(f"version {version} of the format is not read") from None
    except Exception as error:  # noqa: BLE001 -- the header is a Python literal, and fails in as many ways
        raise _invalid(f"{type(error).__name__}: {str(error)[:200]}") from None
    if dtype.kind not in "uifb":
        raise _invalid(f"it holds {dtype}, not numbers")
    if any(type(side) is not int for side in shape):
        raise _invalid(f"shape {shape} is not of whole numbers")
    start = stream.tell()
    expected = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or len(body) - start != expected:
        raise _invalid(f"shape {shape} of {dtype} needs {expected} bytes; there are {len(body) - start}")
    try:
        array = np.frombuffer(body, dtype, count=expected // dtype.itemsize, offset=start)
        return array.reshape(shape, order="F" if fortran_order else "C")
    except ValueError as error:  # no bytes at all, or more dimensions than numpy has
        raise _invalid(str(error)[:200]) from None


def _invalid(reason: str) -> RequestError:
    return RequestError(400, "invalid-npy", f"the body is no usable .npy file: {reason}", "numpy.save(file, pixels)")
