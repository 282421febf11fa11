"""Hiding parts of an image, and laying over it what they weigh."""

import io
import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kedja.bundle.explanation import Parts
from kedja.bundle.inputs.image.preprocess import Examined

# Rows and columns of places that are hidden in turn, where the image has as many pixels.
GRID = 8
# Of a cell's side, hidden around it too: what is hidden alone is guessed from its neighbours.
_MARGIN = 0.5
# What marks what speaks for the class, and how much of it where it speaks loudest: few things have this colour.
_COLOUR, _OPACITY = (235, 0, 190), 0.65


def parts(example: Examined) -> Parts:
    """A grid of overlapping windows, each hidden under the image's mean colour."""
    height, width = example.pixels.shape[:2]
    rows, columns = _windows(height), _windows(width)
    mean = example.pixels.mean(axis=(0, 1)).round().astype(np.uint8)

    def hidden() -> Iterator[Examined]:
        for top, bottom in rows:
            for left, right in columns:
                pixels = example.pixels.copy()
                pixels[top:bottom, left:right] = mean
                yield replace(example, pixels=pixels)

    return Parts((len(rows), len(columns)), hidden())


def _windows(length: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, length, min(GRID, length) + 1)
    margin = _MARGIN * edges[1]
    return [
        (max(0, round(low - margin)), min(length, max(round(high + margin), round(low) + 1)))
        for low, high in itertools.pairwise(edges)
    ]


def overlay(pixels: NDArray[np.uint8], weights: NDArray[np.float64], least: int = 224) -> Image.Image:
    """What the model saw, uint8 (H, W, C), under what spoke for the class, in pink; of `least` pixels a side."""
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    times = max(1, -(-least // max(picture.size)))
    picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
    strength = np.maximum(weights, 0) / max(float(weights.max()), 1e-12)
    heat = Image.fromarray((255 * _OPACITY * strength).astype(np.uint8))
    mask = heat.resize(picture.size, Image.Resampling.BICUBIC)
    picture.paste(Image.new("RGB", picture.size, _COLOUR), mask=mask)
    return picture


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
