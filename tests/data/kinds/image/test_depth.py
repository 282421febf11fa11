"""Images of more than eight bits: one scale for a data set, which travels with the model."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from kedja.bundle.inputs.image.preprocess import ImageError, preprocess
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.data.kinds.image.decode import Plan, decode_chunk
from kedja.data.preparation.npy import create_npy
from kedja.data.preparation.prepare import prepare
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.sources.files.tree import Directory
from kedja.data.sources.registry import open_source

SIDE = 8


def ramp(highest, dtype=np.uint16):
    """Sixty-four values from 0 to `highest`."""
    return np.linspace(0, highest, SIDE * SIDE).reshape(SIDE, SIDE).astype(dtype)


def tiff(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "TIFF")
    return buffer.getvalue()


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def big_endian_tiff(array):
    """Sixteen bits, most significant byte first, as microscopes write them."""
    pixels = array.astype(">u2").tobytes()
    entries = [(256, 4, SIDE), (257, 4, SIDE), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    entries += [(278, 4, SIDE), (279, 4, len(pixels))]
    rows = b"".join(
        struct.pack(">HHI", tag, kind, 1) + (struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value))
        for tag, kind, value in entries
    )
    directory = struct.pack(">H", len(entries)) + rows + struct.pack(">I", 0)
    return b"MM\x00*" + struct.pack(">I", 8 + len(pixels)) + pixels + directory


def colour_png(array):
    """Sixteen bits a colour, which Pillow cannot write."""
    rows = b"".join(b"\0" + np.repeat(row[:, None], 3, axis=1).astype(">u2").tobytes() for row in array)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def source(folder, make, suffix="tif"):
    """Ten images a class; `make(scale)` gives the file of one whose values are that share of the others'."""
    for label, scale in (("dark", 0.25), ("bright", 1.0)):
        (folder / label).mkdir(parents=True)
        for number in range(10):
            (folder / label / f"{number}.{suffix}").write_bytes(make(scale - number / 1000))
    return folder


def prepared(folder, **settings):
    chosen, made = Settings(source=str(folder), **settings), folder.parent / "made"
    prepare(open_source(chosen, folder.parent / ".source"), made, chosen)
    return load(made)


def brightest(data, label):
    return {int(data.images[i].max()) for i in range(len(data)) if data.ids[i].startswith(label)}


def check(data, white):
    assert data.spec.white == white
    assert data.spec.channels == 1
    assert max(brightest(data, "bright")) == pytest.approx(255, abs=2)
    assert max(brightest(data, "dark")) == pytest.approx(64, abs=2)
    for number in (0, 5):
        file = next((data.folder.parent / "source").glob(f"bright/{number}.*"))
        position = data.ids.index(f"bright/{file.name}")
        # What the service makes of the file.
        spec = ImageSpec.from_json(data.spec.to_json())
        assert (preprocess(file.read_bytes(), spec) == data.images[position]).all()
        assert len(np.unique(data.images[position])) == 64


WHITES = {
    "twelve bits in a PNG of sixteen": (lambda scale: png(ramp(4095 * scale)), 4095),
    "sixteen bits": (lambda scale: png(ramp(65535 * scale)), 65535),
    "big-endian": (lambda scale: big_endian_tiff(ramp(65535 * scale)), 65535),
    "whole numbers of 32 bits": (lambda scale: tiff(ramp(4095 * scale, np.int32)), 4095),
    "twenty bits": (lambda scale: tiff(ramp((2**20 - 1) * scale, np.int32)), 2**20 - 1),
    "floats to 1": (lambda scale: tiff(ramp(scale, np.float32)), 1),
    "whole floats": (lambda scale: tiff(np.rint(ramp(4095 * scale, np.float32))), 4095),
}


@pytest.mark.parametrize("case", WHITES)
def test_one_scale_is_chosen_said_and_kept(tmp_path, capfd, case):
    make, white = WHITES[case]
    data = prepared(source(tmp_path / "source", make))
    check(data, white)
    assert f"0…{white:g} become 0…255 in all images" in "".join(capfd.readouterr())
    assert data.description["input"]["white"] == white


def test_a_stated_scale_is_used(tmp_path):
    data = prepared(source(tmp_path / "source", lambda scale: png(ramp(4095 * scale))), bits=16)
    assert data.spec.white == 65535
    assert max(brightest(data, "bright")) == 16


def test_a_value_of_a_float_above_one_is_not_guessed_at(tmp_path):
    def make(scale):
        values = ramp(scale, np.float32)
        values[0, 0] = 1.02
        return tiff(values)

    folder = source(tmp_path / "source", make)
    with pytest.raises(KedjaError, match="nothing says which is white") as caught:
        prepared(folder)
    assert "bits=1" in caught.value.remedy


def test_a_hot_pixel_on_a_stated_scale_is_white():
    spec = ImageSpec(20, 20, 1, white=1.0)
    values = np.full((20, 20), 0.5, np.float32)
    values[3, 3] = 7
    pixels = preprocess(tiff(values), spec)
    assert pixels[3, 3, 0] == 255
    assert pixels[0, 0, 0] == 128
    values[:10] = 7
    with pytest.raises(ImageError, match=r"from 0\.5 to 7, and white is 1") as caught:
        preprocess(tiff(values), spec)
    assert caught.value.code == "out-of-scale"


def test_values_below_zero_are_not_guessed_at(tmp_path):
    folder = source(tmp_path / "source", lambda scale: tiff(ramp(4095 * scale, np.int32) - 1000))
    with pytest.raises(KedjaError, match="nothing says which is black"):
        prepared(folder)


def test_colour_of_few_of_sixteen_bits_is_refused_and_of_sixteen_read(tmp_path):
    with pytest.raises(KedjaError, match="would be almost black"):
        prepared(source(tmp_path / "a" / "source", lambda scale: colour_png(ramp(4095 * scale)), "png"))
    data = prepared(source(tmp_path / "b" / "source", lambda scale: colour_png(ramp(65535 * scale)), "png"))
    assert data.spec.channels == 3
    assert data.spec.white is None
    assert max(brightest(data, "bright")) == 255


def test_grey_with_alpha_is_grey(tmp_path):
    def make(scale):
        grey = ramp(255 * scale, np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(np.dstack([grey, np.full_like(grey, 255)]), "LA").save(buffer, "PNG")
        return buffer.getvalue()

    data = prepared(source(tmp_path / "source", make, "png"))
    assert data.spec.channels == 1
    assert data.spec.white is None
    assert "white" not in data.description["input"]


def test_an_image_of_many_bits_among_many_of_eight_is_not_guessed_at(tmp_path):
    folder = source(tmp_path / "source", lambda scale: png(ramp(255 * scale, np.uint8)), "png")
    spec = ImageSpec(SIDE, SIDE, 1)
    (folder / "dark" / "deep.png").write_bytes(png(ramp(4095)))
    plan = Plan(spec, None, create_npy(tmp_path / "b.npy", (1, 256)))
    ((*_, code, reason, _),) = decode_chunk(plan, [(0, Directory(folder).file("dark/deep.png"))])
    assert code == "out-of-scale"
    assert "bits=" in reason


def test_without_the_field_everything_is_as_before():
    spec = ImageSpec.from_json({"height": 8, "width": 8, "channels": 1})
    assert "white" not in spec.to_json()
    assert preprocess(png(ramp(65535)), spec).max() == 255
    assert preprocess(png(ramp(4095)), spec).max() == 16


@pytest.mark.parametrize("bits", [0, 33, -1])
def test_impossible_bits_are_refused(bits):
    with pytest.raises(KedjaError, match="bits="):
        Settings(bits=bits)


def test_max_pixels_above_pillows_own_limit_takes_effect(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    data = png(ramp(255, np.uint8))
    assert preprocess(data, ImageSpec(SIDE, SIDE, 1), max_pixels=64).shape == (SIDE, SIDE, 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(ImageError, match="limit of 63"):
        preprocess(data, ImageSpec(SIDE, SIDE, 1), max_pixels=63)
