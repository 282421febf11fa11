"""Real encoded pictures, folders of them, and specifications, made in a moment."""

import io
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from kedja.bundle.inputs.image.spec import ImageSpec

GREY = ImageSpec(6, 5, 1)
COLOUR = ImageSpec(6, 5, 3)
SIZE = (5, 6)  # Pillow's order: width, height

# Any specification.
specs = st.builds(
    ImageSpec,
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([1, 3]),
    st.sampled_from(["stretch", "crop", "pad"]),
    st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos"]),
    st.floats(0.05, 1),
    st.booleans(),
)


def picture(seed, size=(24, 20), mode="RGB"):
    """A smooth random picture: unlike noise, it survives JPEG and resizing."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)


def random_pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


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
