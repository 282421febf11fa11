"""Every mode of Pillow becomes colour and grey."""

import numpy as np
import pytest
from PIL import Image

from kedja.bundle.inputs.image.preprocess import preprocess, to_mode
from support.pictures import COLOUR, GREY, SIZE, encode


def luminance(colour):
    """ITU-R 601-2, as Pillow documents it."""
    return (colour.astype(int) @ [299, 587, 114] / 1000).round()


RED_ON_WHITE = {
    "1": lambda: Image.new("1", SIZE, 1),
    "L": lambda: Image.new("L", SIZE, 200),
    "LA": lambda: Image.new("LA", SIZE, (200, 128)),
    "P": lambda: Image.new("RGB", SIZE, (200, 10, 20)).convert("P", palette=Image.Palette.ADAPTIVE),
    "PA": lambda: Image.new("RGBA", SIZE, (200, 10, 20, 255)).convert("PA"),
    "RGB": lambda: Image.new("RGB", SIZE, (200, 10, 20)),
    "RGBA": lambda: Image.new("RGBA", SIZE, (200, 10, 20, 128)),
    "RGBa": lambda: Image.new("RGBA", SIZE, (200, 10, 20, 128)).convert("RGBa"),
    "RGBX": lambda: Image.new("RGBX", SIZE, (200, 10, 20, 7)),
    "CMYK": lambda: Image.new("RGB", SIZE, (200, 10, 20)).convert("CMYK"),
    "YCbCr": lambda: Image.new("RGB", SIZE, (200, 10, 20)).convert("YCbCr"),
    "HSV": lambda: Image.new("RGB", SIZE, (200, 10, 20)).convert("HSV"),
    "LAB": lambda: Image.new("LAB", SIZE, (128, 128, 128)),
    "I": lambda: Image.new("I", SIZE, 200),
    "I;16": lambda: Image.fromarray(np.full(SIZE[::-1], 200 * 257, np.uint16)),
    "I;16B": lambda: Image.frombytes("I;16B", SIZE, np.full(30, 200 * 257, ">u2").tobytes()),
    "I;16L": lambda: Image.frombytes("I;16L", SIZE, np.full(30, 200 * 257, "<u2").tobytes()),
    "F": lambda: Image.fromarray(np.full(SIZE[::-1], 200, np.float32)),
}
# mode → (red, green, blue), ± what the conversions round
EXPECTED = {
    "1": (255, 255, 255),
    "L": (200, 200, 200),
    "LA": (227, 227, 227),
    "RGBA": (227, 132, 137),
    "RGBa": (227, 132, 137),
    "LAB": None,
    **dict.fromkeys(("I", "I;16", "I;16B", "I;16L", "F"), (200, 200, 200)),
    **dict.fromkeys(("P", "PA", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"), (200, 10, 20)),
}


@pytest.mark.parametrize("mode", RED_ON_WHITE)
def test_every_mode_becomes_colour_and_grey(mode):
    image = RED_ON_WHITE[mode]()
    assert image.mode == mode
    colour, grey = to_mode(image, "RGB"), to_mode(image, "L")
    assert (colour.mode, grey.mode, colour.size, grey.size) == ("RGB", "L", SIZE, SIZE)
    if EXPECTED[mode]:
        np.testing.assert_allclose(colour.getpixel((0, 0)), EXPECTED[mode], atol=5)
        np.testing.assert_allclose(grey.getpixel((0, 0)), luminance(np.array(EXPECTED[mode])), atol=3)


def test_transparency_is_white_in_every_form():
    palette = Image.new("P", SIZE, 3)
    palette.putpalette([0] * 768)
    for data in (
        encode(Image.new("RGBA", SIZE, (0, 0, 0, 0))),
        encode(Image.new("LA", SIZE, (0, 0))),
        encode(palette, transparency=3),
        encode(palette, "GIF", transparency=3),
        encode(Image.new("RGB", SIZE, (0, 0, 0)), transparency=(0, 0, 0)),
        encode(Image.new("L", SIZE, 0), transparency=0),
        encode(Image.new("RGBA", SIZE, (0, 0, 0, 0)), "WEBP", lossless=True),
    ):
        assert (preprocess(data, COLOUR) == 255).all()
        assert (preprocess(data, GREY) == 255).all()


def test_sixteen_bits_are_scaled_and_not_cut():
    values = np.linspace(0, 65535, 30).astype(np.uint16).reshape(6, 5)
    for data in (encode(Image.fromarray(values)), encode(Image.fromarray(values), "TIFF")):
        expected = (values / 257).round()
        np.testing.assert_allclose(preprocess(data, GREY)[..., 0], expected, atol=1)


@pytest.mark.parametrize("values", [np.linspace(0, 1, 30), np.linspace(0, 255, 30)])
def test_floating_point_images(values):
    data = encode(Image.fromarray(values.astype(np.float32).reshape(6, 5)), "TIFF")
    pixels = preprocess(data, GREY)
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_floating_point_images_with_nothing_in_them():
    for value in (np.nan, np.inf, -np.inf, -5.0):
        data = encode(Image.fromarray(np.full((6, 5), value, np.float32)), "TIFF")
        assert preprocess(data, GREY).shape == (6, 5, 1)
