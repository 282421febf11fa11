"""Mean and standard deviation per channel, exact in whole numbers, so that they are the same on every machine."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kedja.bundle.image_spec import ImageSpec


def image_sums(images: NDArray[np.uint8]) -> list[str]:
    """Per image ``Σx … Σx² …`` over the channels, so that the statistics of any split are a sum away.

    Args:
        images: uint8 (N, H, W, C).
    """
    # Both are exact; which is quicker goes by the size (docs/LOG.md).
    small = images.shape[1] * images.shape[2] <= SMALL_PIXELS
    rows = sums_by_product(images) if small else sums_by_histogram(images)
    return [" ".join(map(str, row)) for row in rows.tolist()]


def sums_by_product(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(N, 2C) by products of matrices; whole numbers below 2⁵³ are exact in double precision."""
    flat = images.reshape(len(images), -1, images.shape[3]).astype(np.float64)
    plain = (np.ones((1, flat.shape[1])) @ flat)[:, 0]
    squares = np.einsum("nii->ni", flat.transpose(0, 2, 1) @ flat)
    return np.hstack([plain, squares]).astype(np.int64)


def sums_by_histogram(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(N, 2C) from the counts of the 256 values, which Pillow makes."""
    pictures = (Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image) for image in images)
    histograms = np.array([picture.histogram() for picture in pictures], np.int64).reshape(len(images), -1, 256)
    return (histograms @ _POWERS).transpose(0, 2, 1).reshape(len(images), -1)


SMALL_PIXELS = 64 * 64
_VALUES = np.arange(256, dtype=np.int64)
_POWERS = np.stack([_VALUES, _VALUES**2], axis=1)


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
