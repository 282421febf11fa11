"""Any bytes are an image or an error with a reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kedja.bundle.inputs.image.preprocess import FORMATS, ImageError, examine, preprocess
from support.pictures import COLOUR, GREY, SIZE, encode, random_pixels

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


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_heic_is_named(brand):
    with pytest.raises(ImageError, match=r"HEIC/HEIF, which is not read(.|\n)*convert it to JPEG") as caught:
        preprocess(b"\0\0\0\x18ftyp" + brand + bytes(40), GREY)
    assert caught.value.code == "unknown-format"
