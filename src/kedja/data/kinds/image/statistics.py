"""Mean and standard deviation per channel, exact in whole numbers, so that they are the same on every machine."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.image.spec import ImageSpec

# Single precision is exact up to 2²⁴, which the squares of 258 white pixels stay below.
_EXACT_LINES = 256


def image_sums(images: NDArray[np.uint8]) -> list[str]:
    """Per image ``Σx … Σx² …`` over the channels, so that the statistics of any split are a sum away.

    Args:
        images: uint8 (N, H, W, C).
    """
    values = images.astype(np.float32)
    plain = _channel_sums(values)
    squares = _channel_sums(np.square(values, out=values))
    return [" ".join(map(str, row)) for row in np.hstack([plain, squares]).tolist()]


def _channel_sums(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Whole numbers up to 255², (N, H, W, C) → their exact sums (N, C).

    Down the columns by a product of matrices, which is the quickest sum there is.
    """
    images, height, width, channels = values.shape
    lines = values.reshape(images, height, width * channels)
    columns = np.zeros((images, width * channels), np.int64)
    for start in range(0, height, _EXACT_LINES):
        part = lines[:, start : start + _EXACT_LINES]
        columns += (np.ones((1, part.shape[1]), np.float32) @ part)[:, 0].astype(np.int64)
    sums: NDArray[np.int64] = columns.reshape(images, width, channels).sum(1)
    return sums


def statistics(rows: Iterable[tuple[str]], spec: ImageSpec) -> dict[str, Any]:
    """``mean`` and ``std`` of pixels in 0…1, rounded to eight places; a std of zero becomes one.

    Args:
        rows: `image_sums` of each image.
    """
    totals = [0] * (2 * spec.channels)
    images = 0
    for (sums,) in rows:
        images += 1
        totals = [total + int(value) for total, value in zip(totals, sums.split(), strict=True)]
    pixels = max(1, images * spec.height * spec.width)
    plain, squares = totals[: spec.channels], totals[spec.channels :]
    mean = [total / (255 * pixels) for total in plain]
    # n·Σx² − (Σx)² in whole numbers loses nothing to cancellation.
    variance = [
        (pixels * square - total**2) / (255 * pixels) ** 2 for total, square in zip(plain, squares, strict=True)
    ]
    return {"mean": [round(v, 8) for v in mean], "std": [round(v**0.5, 8) or 1.0 for v in variance]}
