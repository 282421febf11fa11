"""Mean and standard deviation per channel, exact in integers, so that they are the same on every machine."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK = 1024


class ChannelStatistics:
    """Sums of pixels and of their squares, image after image."""

    def __init__(self, channels: int) -> None:
        self._sum = np.zeros(channels, np.int64)
        self._squares = np.zeros(channels, np.int64)
        self._pixels = 0

    def add(self, images: NDArray[np.uint8]) -> None:
        """Count uint8 (N, H, W, C) in."""
        for start in range(0, len(images), CHUNK):
            # A histogram per channel is exact and several times faster than squaring in 64 bits.
            for channel in range(images.shape[3]):
                histogram = np.bincount(images[start : start + CHUNK, :, :, channel].ravel(), minlength=256)
                self._sum[channel] += histogram @ _VALUES
                self._squares[channel] += histogram @ _VALUES**2
        self._pixels += int(np.prod(images.shape[:3]))

    def result(self) -> dict[str, Any]:
        """``mean`` and ``std`` of pixels in 0…1, rounded to eight places; std is never zero."""
        pixels = max(self._pixels, 1)
        mean = [int(total) / (255 * pixels) for total in self._sum]
        # In whole numbers: n·Σx² − (Σx)² loses nothing to cancellation.
        variance = [
            (pixels * int(squares) - int(total) ** 2) / (255 * pixels) ** 2
            for total, squares in zip(self._sum, self._squares, strict=True)
        ]
        std = [max(value, 0.0) ** 0.5 or 1.0 for value in variance]
        return {"mean": [round(v, 8) for v in mean], "std": [round(v, 8) for v in std]}


_VALUES = np.arange(256, dtype=np.int64)
