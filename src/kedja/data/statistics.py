"""Mean and standard deviation per channel, exact in whole numbers, so that they are the same on every machine."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.image_spec import ImageSpec


def image_sums(images: NDArray[np.uint8]) -> list[str]:
    """Per image ``Σx … Σx² …`` over the channels, so that the statistics of any split are a sum away.

    Args:
        images: uint8 (N, H, W, C).
    """
    flat = images.reshape(len(images), -1, images.shape[3])
    plain = flat.sum(axis=1, dtype=np.int64)
    # float64 holds these sums exactly: 255² times a hundred million pixels is far below 2⁵³.
    squares = np.einsum("nic,nic->nc", flat, flat, dtype=np.float64, casting="unsafe").astype(np.int64)
    return [" ".join(map(str, row)) for row in np.hstack([plain, squares]).tolist()]


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
