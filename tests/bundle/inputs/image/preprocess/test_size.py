"""Any size becomes any size."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kedja.bundle.inputs.image.preprocess import decode, examine, preprocess
from kedja.bundle.inputs.image.spec import ImageSpec
from support.pictures import encode, random_pixels, specs


@given(specs, st.integers(1, 60), st.integers(1, 60), st.sampled_from(["L", "RGB", "RGBA", "P", "1", "LA"]))
@settings(max_examples=150, deadline=None)
def test_any_image_gets_the_shape_of_any_specification(spec, width, height, mode):
    image = Image.fromarray(random_pixels(height, width, 3)).convert(mode)
    pixels = preprocess(encode(image), spec)
    assert (pixels.shape, pixels.dtype) == (spec.shape, np.uint8)
    assert pixels.flags.owndata or pixels.base.flags.writeable


def test_an_image_of_the_right_size_is_taken_verbatim():
    pixels = random_pixels(6, 5, 3)
    for resize in ("stretch", "crop", "pad"):
        np.testing.assert_array_equal(preprocess(encode(Image.fromarray(pixels)), ImageSpec(6, 5, 3, resize)), pixels)


def test_crop_keeps_the_middle():
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 255
    spec = ImageSpec(10, 10, 1, "crop", "nearest")
    assert (preprocess(encode(Image.fromarray(wide)), spec) == 255).all()
    assert (preprocess(encode(Image.fromarray(wide.T)), spec) == 255).all()
    ring = np.zeros((16, 16), np.uint8)
    ring[2:14, 2:14] = 255
    assert (preprocess(encode(Image.fromarray(ring)), ImageSpec(12, 12, 1, "crop", "nearest", 0.75)) == 255).all()


def test_pad_keeps_everything_between_black_bands():
    white = Image.new("L", (30, 10), 255)
    padded = preprocess(encode(white), ImageSpec(30, 30, 1, "pad"))[..., 0]
    assert (padded[:10] == 0).all()
    assert (padded[10:20] == 255).all()
    assert (padded[20:] == 0).all()


def test_large_jpegs_decode_small_and_look_the_same():
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    large = small.resize((1600, 1200), Image.Resampling.BICUBIC)
    spec = ImageSpec(60, 80, 3)
    by_draft = preprocess(encode(large, "JPEG", quality=95), spec).astype(int)
    in_full = preprocess(encode(large, "PNG"), spec).astype(int)
    assert np.abs(by_draft - in_full).mean() < 2
    assert decode(encode(large, "JPEG"), spec).size == (400, 300)
    examined = examine(encode(large, "JPEG"), spec)
    assert (examined.format, examined.width, examined.height) == ("JPEG", 1600, 1200)
