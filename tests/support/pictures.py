"""Folders of real encoded pictures, made in a moment."""

import io
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed, size=(24, 20), mode="RGB"):
    """A smooth random picture: unlike noise, it survives JPEG and resizing."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)


def encode(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def write_pictures(root: Path, counts: dict[str, int], **options) -> Path:
    """`{"train/cat": 5}` → root/train/cat/0.png … 4.png; no two pictures are alike."""
    number = 0
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for position in range(count):
            number += 1
            (root / folder / f"{position}.png").write_bytes(encode(picture(number, **options)))
    return root
