"""Every orientation that a camera notes."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.bundle.inputs.image.spec import ImageSpec
from support.pictures import COLOUR, encode, random_pixels

UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_every_exif_orientation_is_put_upright(orientation, image_format):
    stored = np.kron(random_pixels(4, 6, 3), np.ones((8, 8, 1), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}
    data = encode(Image.fromarray(stored), image_format, exif=exif, **lossless.get(image_format, {}))
    expected = UPRIGHT[orientation](stored)  # type: ignore[operator]
    spec = ImageSpec(*expected.shape)
    np.testing.assert_allclose(preprocess(data, spec).astype(int), expected, atol=24 if image_format == "JPEG" else 0)
    as_stored = preprocess(data, ImageSpec(*stored.shape, exif=False))  # type: ignore[misc]
    np.testing.assert_allclose(as_stored.astype(int), stored, atol=24 if image_format == "JPEG" else 0)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_says_nothing_is_no_error(value):
    exif = Image.Exif()
    exif[0x0112] = value
    stored = random_pixels(6, 5, 3)
    np.testing.assert_array_equal(preprocess(encode(Image.fromarray(stored), exif=exif), COLOUR), stored)
