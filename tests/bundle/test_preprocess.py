"""The one implementation of preprocessing: every Pillow mode, every orientation, any size, any bytes."""

import io
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from kedja.bundle.errors import KedjaError
from kedja.bundle.image_spec import ImageSpec
from kedja.bundle.preprocess import FORMATS, ImageError, decode, examine, preprocess, to_mode

GREY = ImageSpec(6, 5, 1)
COLOUR = ImageSpec(6, 5, 3)
SIZE = (5, 6)  # Pillow's order: width, height


def encode(image, image_format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def random_pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def luminance(colour):
    """ITU-R 601-2, as Pillow documents it."""
    return (colour.astype(int) @ [299, 587, 114] / 1000).round()


# --- modes -----------------------------------------------------------------------------------------------------------

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


# --- orientation -----------------------------------------------------------------------------------------------------

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
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}.get(image_format, {})
    data = encode(Image.fromarray(stored), image_format, exif=exif, **options)
    expected = UPRIGHT[orientation](stored)
    spec = ImageSpec(*expected.shape)
    np.testing.assert_allclose(preprocess(data, spec).astype(int), expected, atol=24 if image_format == "JPEG" else 0)
    as_stored = preprocess(data, ImageSpec(*stored.shape, exif=False))
    np.testing.assert_allclose(as_stored.astype(int), stored, atol=24 if image_format == "JPEG" else 0)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_says_nothing_is_no_error(value):
    exif = Image.Exif()
    exif[0x0112] = value
    stored = random_pixels(6, 5, 3)
    np.testing.assert_array_equal(preprocess(encode(Image.fromarray(stored), exif=exif), COLOUR), stored)


# --- size ------------------------------------------------------------------------------------------------------------

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


# --- bytes -----------------------------------------------------------------------------------------------------------

FILES = {
    name: encode(Image.fromarray(random_pixels(16, 16, 3)), name, **({"lossless": True} if name == "WEBP" else {}))
    for name in FORMATS
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read(name):
    assert preprocess(FILES[name], COLOUR).shape == (6, 5, 3)
    assert examine(FILES[name], COLOUR).format == name


def test_the_first_frame_of_an_animation():
    frames = [Image.new("L", SIZE, value) for value in (255, 0, 100)]
    for name in ("GIF", "PNG", "WEBP", "TIFF", "AVIF"):
        data = encode(frames[0], name, save_all=True, append_images=frames[1:])
        assert (preprocess(data, GREY) > 250).all(), name
    mpo = encode(frames[0].convert("RGB"), "MPO", save_all=True, append_images=[frames[1].convert("RGB")])
    assert (preprocess(mpo, GREY) > 250).all()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"plain text", "unknown-format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unknown-format"),
        (FILES["JPEG"][:200], "truncated"),
        (FILES["PNG"][:200], "truncated"),
    ],
)
def test_bytes_that_are_no_image_have_a_code_and_a_reason(data, code):
    with pytest.raises(ImageError) as error:
        preprocess(data, COLOUR)
    assert error.value.code == code
    assert error.value.problem


def test_too_many_pixels_are_refused_before_decoding():
    with pytest.raises(ImageError) as error:
        preprocess(FILES["PNG"], COLOUR, max_pixels=255)
    assert error.value.code == "too-large"
    assert "16×16" in error.value.problem
    assert preprocess(FILES["PNG"], COLOUR, max_pixels=256).any()


def outcome(data):
    try:
        pixels = preprocess(data, COLOUR, max_pixels=1_000_000)
    except ImageError as error:
        assert error.code in ("empty", "unknown-format", "too-large", "truncated", "corrupt")
    else:
        assert pixels.shape == (6, 5, 3)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_image_or_an_image_error(data):
    outcome(data)


@given(st.sampled_from(FORMATS), st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_files_of_every_format_are_an_image_or_an_image_error(name, data):
    damaged = bytearray(FILES[name])
    for position, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(damaged) - 1), st.integers(0, 255)), max_size=8)
    ):
        damaged[position] = value
    start, end = sorted((data.draw(st.integers(0, len(damaged))), data.draw(st.integers(0, len(damaged)))))
    kept = data.draw(st.sampled_from([bytes(damaged), bytes(damaged[:end]), bytes(damaged[:start] + damaged[end:])]))
    outcome(kept)


# --- specification ---------------------------------------------------------------------------------------------------


@given(specs)
def test_a_specification_survives_json(spec):
    assert ImageSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 4}, "1 or 3 channels"),
        ({"height": 0}, "no pixels"),
        ({"crop_fraction": 0}, "crop_fraction=0"),
        ({"crop_fraction": 1.5}, "crop_fraction=1.5"),
        ({"resize": "squash"}, "resize='squash'"),
        ({"interpolation": "bilinaer"}, "bilinear"),
        ({"depth": 3}, "depth"),
    ],
)
def test_specifications_that_make_no_sense(change, message):
    with pytest.raises(KedjaError, match=message):
        ImageSpec.from_json({**COLOUR.to_json(), **change})


# --- warnings --------------------------------------------------------------------------------------------------------

# Prints the pixel values that came out, and whether the process warns as it did before.
DECODE_ON_THREADS = """
import sys, warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from kedja.bundle.image_spec import ImageSpec
from kedja.bundle.preprocess import preprocess
data, spec, filters = Path(sys.argv[1]).read_bytes(), ImageSpec(64, 64, 3), list(warnings.filters)
sys.setswitchinterval(1e-6)
with ThreadPoolExecutor(8) as pool:
    print(set(pool.map(lambda _: int(preprocess(data, spec).mean()), range(400))), warnings.filters == filters)
"""


def test_odd_metadata_is_no_news_on_many_threads(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "nobody in particular"
    image = encode(Image.new("RGB", (64, 64), (90, 90, 90)), "JPEG", exif=exif.tobytes()[:-9])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        Image.open(io.BytesIO(image)).getexif()
    assert said, "Pillow no longer warns of it: take something else"
    (tmp_path / "odd.jpeg").write_bytes(image)
    command = [sys.executable, "-W", "error", "-c", DECODE_ON_THREADS, tmp_path / "odd.jpeg"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("{90} True\n", "")
