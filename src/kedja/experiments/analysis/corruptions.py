"""Corrupt images with noise, blur, JPEG, brightness and contrast, in three strengths.

After Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions", ICLR;
strengths are relative to the image's size, so that they mean the same for 8 and for 348 pixels.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

STRENGTHS = (1, 2, 3)
Pixels = NDArray[np.uint8]
Corruption = Callable[[Pixels, int, np.random.Generator], Pixels]


@dataclass(frozen=True)
class Robustness:
    """Accuracy under one corruption at one strength."""

    corruption: str
    strength: int
    accuracy: float


def gaussian_noise(image: Pixels, strength: int, generator: np.random.Generator) -> Pixels:
    return _to_pixels(image + generator.normal(0.0, (0, 15, 30, 60)[strength], image.shape))


def blur(image: Pixels, strength: int, generator: np.random.Generator) -> Pixels:
    radius = (0.0, 0.03, 0.06, 0.1)[strength] * max(image.shape[:2])
    return _through_pillow(image, lambda picture: picture.filter(ImageFilter.GaussianBlur(radius)))


def jpeg(image: Pixels, strength: int, generator: np.random.Generator) -> Pixels:
    def compress(picture: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=(0, 40, 15, 5)[strength])
        with Image.open(buffer) as loaded:
            return loaded.copy()

    return _through_pillow(image, compress)


def brightness(image: Pixels, strength: int, generator: np.random.Generator) -> Pixels:
    sign = generator.choice((-1.0, 1.0))
    return _to_pixels(image + sign * (0, 32, 64, 96)[strength])


def contrast(image: Pixels, strength: int, generator: np.random.Generator) -> Pixels:
    return _to_pixels(image.mean() + (image - image.mean()) * (1.0, 0.6, 0.35, 0.15)[strength])


CORRUPTIONS: dict[str, Corruption] = {
    "noise": gaussian_noise,
    "blur": blur,
    "jpeg": jpeg,
    "brightness": brightness,
    "contrast": contrast,
}


def corrupt(images: Pixels, name: str, strength: int) -> Pixels:
    """uint8 (N, H, W, C) → the same, every image corrupted; the same input gives the same output."""
    generator = np.random.default_rng([strength, *name.encode()])
    return np.stack([CORRUPTIONS[name](image, strength, generator) for image in images])


def robustness(
    images: Pixels, labels: NDArray[np.int64], predict: Callable[[Pixels], NDArray[np.int64]]
) -> list[Robustness]:
    """Accuracy of `predict` (uint8 (N, H, W, C) → class indices) under every corruption and strength."""
    return [
        Robustness(name, strength, float((predict(corrupt(images, name, strength)) == labels).mean()))
        for name in CORRUPTIONS
        for strength in STRENGTHS
    ]


def _to_pixels(values: NDArray[np.floating[Any]]) -> Pixels:
    pixels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


def _through_pillow(image: Pixels, change: Callable[[Image.Image], Image.Image]) -> Pixels:
    picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    return np.asarray(change(picture)).reshape(image.shape)
