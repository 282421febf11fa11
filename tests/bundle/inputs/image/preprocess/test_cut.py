"""Cutting images to a size."""

import pytest
from PIL import Image

from kedja.bundle.inputs.image.preprocess import fit
from kedja.bundle.inputs.image.spec import ImageSpec


@pytest.mark.parametrize("target", [8, 160, 224, 299])
def test_an_image_of_any_size_is_cut(target):
    spec = ImageSpec(target, target, 1, "crop")
    for side in range(1, 400, 4):
        for size in ((side, side), (side, side + 1), (2 * side, side)):
            assert fit(Image.new("L", size, 7), spec).mean() == 7
