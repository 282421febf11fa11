"""Near-duplicates where all images resemble each other: the measure must know that it cannot tell."""

import numpy as np
import pytest
from PIL import Image

from kedja.data.kinds.image.near import near_pairs
from kedja.data.kinds.image.perceptual import brightness, perceptual_hashes
from support.pictures import picture


def found(images):
    cells = brightness(images)
    return near_pairs(perceptual_hashes(cells), np.arange(len(images)), lambda rows: cells[rows])


@pytest.fixture(scope="module")
def scans():
    """The handwritten digits of scikit-learn at 28×28, as scans of forms have them."""
    from sklearn.datasets import load_digits

    pixels = (load_digits().images * (255 / 16)).astype(np.uint8)
    return np.stack([np.asarray(Image.fromarray(p).resize((28, 28), Image.Resampling.BICUBIC)) for p in pixels])


def test_nothing_is_said_of_scans_of_digits(scans):
    assert not len(found(scans[..., None]))


def test_brightened_copies_are_found_among_pictures(scans):
    originals = np.stack([np.asarray(picture(seed, (32, 32), "L")) for seed in range(300)])
    copies = np.clip(originals[:40] * 1.1, 0, 255).astype(np.uint8)
    pairs = found(np.concatenate([originals, copies])[..., None])
    assert pairs.tolist() == [[number, 300 + number] for number in range(40)]
