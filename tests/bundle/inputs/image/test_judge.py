"""What an image will cost, from its header: plainly cheap, dear, or more than a request may ask for."""

import io

import numpy as np
import pytest
from PIL import Image

import expensive
from kedja.bundle.inputs.image import judge
from kedja.bundle.inputs.image.formats import NAMES
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.inputs.input import Costly, InputError, Limits

SPEC = ImageSpec(8, 8, 1)
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8))


def encoded(image=NOISE, image_format="JPEG", **options):
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "image_format", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "AVIF", "JPEG2000"]
)
def test_the_name_is_pillows(image_format):
    assert judge.sniff(encoded(image_format=image_format)) == image_format
    assert NAMES[image_format] == image_format


def test_slow_variants_have_names_of_their_own():
    assert judge.sniff(expensive.bmp_run_length(5, 5)) == "BMP-RLE"
    assert judge.sniff(expensive.ppm_plain(5)) == "PPM-PLAIN"
    assert judge.sniff(b"") == judge.sniff(b"hello") == ""


@pytest.mark.parametrize(
    "data",
    [
        encoded(),
        encoded(progressive=True),
        encoded(NOISE.convert("L")),
        encoded(image_format="PNG"),
        encoded(NOISE.convert("RGBA"), "PNG"),
        encoded(image_format="WEBP"),
        encoded(image_format="WEBP", lossless=True),
        encoded(NOISE.convert("RGBA"), "WEBP"),
        encoded(Image.new("RGB", (4000, 3000))),
    ],
    ids=["JPEG", "progressive", "grey", "PNG", "RGBA", "WebP", "lossless", "WebP with alpha", "photograph"],
)
def test_plainly_cheap(data):
    width, height = Image.open(io.BytesIO(data)).size
    cost = judge.plainly_cheap(data, judge.sniff(data), SPEC)
    assert cost is not None
    assert cost.pixels == width * height
    limits = Limits(formats=frozenset(NAMES)).of_request(plain=True)
    assert SPEC.decode(data, limits).pixels.shape == (8, 8, 1)


@pytest.mark.parametrize(
    "data",
    [
        expensive.jpeg_scans(1000, 80),
        expensive.jpeg_segments(1000),
        expensive.png(2000),
        encoded(Image.new("RGB", (5000, 4000))),
        encoded(NOISE, "GIF"),
        encoded(image_format="PNG", save_all=True, append_images=[NOISE.rotate(90)]),
        encoded(image_format="WEBP", save_all=True, append_images=[NOISE.rotate(90)]),
        encoded()[:40],
        b"\xff\xd8\xff" + b"\xff" * 100,
        encoded(image_format="PNG")[:20],
    ],
    ids=["scans", "segments", "large PNG", "large JPEG", "GIF", "APNG", "animation", "cut", "fill", "cut PNG"],
)
def test_not_plainly_cheap(data):
    assert judge.plainly_cheap(data, judge.sniff(data), SPEC) is None
    with pytest.raises(Costly):
        SPEC.decode(data, Limits().of_request(plain=True))


def test_many_cheap_images_are_not_cheap_together():
    limits = Limits().of_request(plain=True)
    data = encoded(Image.new("L", (1000, 1000)), "PNG")
    with pytest.raises(Costly):
        SPEC.each(lambda one: SPEC.decode(one, limits), [data] * 64)


@pytest.mark.parametrize(
    ("data", "count", "code"),
    [
        (expensive.jpeg_scans(64, 200), 1, "too-many-scans"),
        (expensive.jpeg_scans(64, 50), 64, "too-many-scans"),
        (expensive.jpeg_scans(900, 60), 1, "too-many-scans"),
        (expensive.jpeg_scans(900, 0), 4, "too-many-scans"),
        (encoded(Image.new("L", (1000, 900)), "PNG"), 5, "too-large"),
        (encoded(Image.new("L", (1001, 1000)), "PNG"), 1, "too-large"),
        (expensive.tiff_tile(), 1, "too-large"),
        (expensive.bmp_run_length(9, 9), 1, "unknown-format"),
    ],
    ids=[
        "scans of an image",
        "of a request",
        "scans of a large image",
        "of several",
        "pixels of a request",
        "of an image",
        "a tile",
        "format",
    ],
)
def test_more_than_a_request_may_ask_for(data, count, code):
    usual = frozenset(NAMES) - {"BMP-RLE"}
    limits = Limits(pixels=1_000_000, formats=usual, memory=100_000_000).of_request()
    with pytest.raises(InputError) as failure:
        SPEC.each(lambda one: SPEC.decode(one, limits), [data] * count)
    assert failure.value.code == code


def test_the_largest_progressive_image_of_a_camera_is_read():
    data = encoded(Image.new("RGB", (1000, 1000)), progressive=True)
    assert SPEC.decode(data, Limits(pixels=1_000_000).of_request()).pixels.shape == (8, 8, 1)


def test_a_cheap_image_too_asks_for_its_memory():
    asked = []
    limits = Limits().of_request(plain=True, grant=asked.append)
    for _ in range(2):
        SPEC.decode(encoded(Image.new("RGB", (300, 300)), "PNG"), limits)
    assert 720_000 < asked[0] < asked[1] < 1_500_000


def test_memory_is_asked_for_before_it_is_taken():
    asked = []
    limits = Limits().of_request(grant=asked.append)
    for _ in range(2):
        SPEC.decode(encoded(Image.new("RGBA", (1000, 1000)), "PNG"), limits)
    assert len(asked) == 2
    assert 8_000_000 <= asked[0] < asked[1] < 9_000_000


def test_without_a_request_every_format_is_read():
    for name in ("BMP", "TIFF", "PPM", "TGA", "ICO", "JPEG2000"):
        assert SPEC.decode(encoded(image_format=name)).pixels.shape == (8, 8, 1)
    assert SPEC.decode(expensive.bmp_run_length(20, 20)).pixels.shape == (8, 8, 1)
