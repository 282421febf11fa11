"""Images that ship with scikit-learn, and so are none of a data set's: to see whether a model notices."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Details of two photographs: a temple's roofs, and a flower.
_TILES, _SMALLEST, _LARGEST = 200, 100, 300
_DIGITS = 200


def strangers(source: str) -> dict[str, list[bytes]]:
    """Name → PNG files; those of `source` itself are left out."""
    from sklearn.datasets import load_digits, load_sample_images

    rng = np.random.default_rng(0)
    photographs = load_sample_images().images
    tiles = [_tile(photographs[number % len(photographs)], rng) for number in range(_TILES)]
    found = {"details of a temple and a flower": [_png(tile) for tile in tiles]}
    if "Handwritten Digits" not in source:
        scans = np.round(load_digits().images[:_DIGITS] * (255 / 16)).astype(np.uint8)
        found["scans of digits"] = [_png(scan) for scan in scans]
    return found


def _tile(photograph: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    side = int(rng.integers(_SMALLEST, _LARGEST))
    top, left = (int(rng.integers(0, length - side)) for length in photograph.shape[:2])
    return photograph[top : top + side, left : left + side]


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
