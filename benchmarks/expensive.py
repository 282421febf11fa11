"""Requests that are small to send and dear to answer: each was once a way to stop a service with a few of them.

They are made when they are asked for, in a second at the most, and hold nothing but what makes them dear.
"""

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Attack:
    """A body under a type, and what it tries."""

    name: str
    content_type: str
    body: bytes


def bmp_run_length(width: int = 1500, height: int = 1000) -> bytes:
    """A BMP whose runs are one pixel long; Pillow reads them in Python."""
    rows = (b"\x01\x07" * width + b"\0\0") * height + b"\0\1"
    start = 54 + 1024
    header = b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start)
    return (
        header + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0) + bytes(1024) + rows
    )


def ppm_plain(side: int = 3000) -> bytes:
    """A PPM in letters, read in Python."""
    return b"P3 %d %d 255\n" % (side, side) + b"1 " * (MEGABYTE // 2)


def jpeg_scans(side: int = 4000, scans: int = 2000) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    buffer = io.BytesIO()
    Image.new("L", (side, side), 128).save(buffer, "JPEG", progressive=True, quality=10)
    data = buffer.getvalue()
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[last:end] * scans + data[end:]


def jpeg_segments(count: int = 4 * MEGABYTE) -> bytes:
    """A JPEG that begins with empty segments, each of which Pillow visits."""
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "JPEG")
    return b"\xff\xd8" + b"\xff\xef\0\x02" * count + buffer.getvalue()[2:]


def png(side: int = 7000, mode: str = "RGBA") -> bytes:
    """A PNG of one colour: a few kilobytes that become `side`² pixels."""
    buffer = io.BytesIO()
    Image.new(mode, (side, side), (1, 2, 3, 4)[: len(mode)] if len(mode) > 1 else 1).save(buffer, "PNG")
    return buffer.getvalue()


def tiff_tile(side: int = 16_384) -> bytes:
    """A TIFF of 16×16 pixels in one tile of `side`² pixels, deflated."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "TIFF", compression="tiff_adobe_deflate")
    pixels = buffer.getvalue()
    entries = {
        256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side, 324: 8, 325: len(pixels),
    }  # fmt: skip
    directory = struct.pack("<H", len(entries))
    for tag, value in entries.items():
        directory += struct.pack("<HHII", tag, 4, 1, value)
    return struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + directory + bytes(4)


def ico(side: int = 5000) -> bytes:
    """An ICO that holds a large PNG, which is decoded when it is opened."""
    inside = png(side)
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(inside), 22) + inside


def jpeg2000(side: int = 3000) -> bytes:
    """A JPEG 2000 in many tiles."""
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 90).save(buffer, "JPEG2000", tile_size=(64, 64), quality_layers=[60])
    return buffer.getvalue()


def form(files: list[bytes]) -> bytes:
    """A form with these files and the boundary `edge`."""
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    return b"".join(head + file + b"\r\n" for file in files) + b"--edge--\r\n"


def corpus(*, names_alone: bool = False) -> Iterator[Attack]:
    """All of them, one after another; without their bodies where only their names are wanted."""
    for name, (content_type, make) in _CORPUS.items():
        yield Attack(name, content_type, b"" if names_alone else make())


def _repeated(before: bytes, piece: bytes, count: int, after: bytes) -> Callable[[], bytes]:
    return lambda: before + piece * count + after


_JSON, _IMAGE, _FORM = "application/json", "image/any", "multipart/form-data; boundary=edge"
_CORPUS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "run-length BMP": (_IMAGE, bmp_run_length),
    "plain PPM": (_IMAGE, ppm_plain),
    "JPEG of 2,000 scans": (_IMAGE, jpeg_scans),
    "JPEG of 90 scans": (_IMAGE, lambda: jpeg_scans(5000, 80)),
    "JPEG of 4 million segments": (_IMAGE, jpeg_segments),
    "RGBA PNG of 49 megapixels": (_IMAGE, png),
    "RGBA PNG of 20 megapixels": (_IMAGE, lambda: png(4500)),
    "TIFF with one tile": (_IMAGE, tiff_tile),
    "ICO of 25 megapixels": (_IMAGE, ico),
    "JPEG 2000 in tiles": (_IMAGE, jpeg2000),
    "form of 64 run-length BMPs": (_FORM, lambda: form([bmp_run_length(300, 100)] * 64)),
    "form of 64 PNGs of 4 megapixels": (_FORM, lambda: form([png(2000)] * 64)),
    "form of empty lines": (_FORM, _repeated(b"--edge\r\n", b"a:b\r\n", 3 * MEGABYTE, b"")),
    "1 MB of numbers and a text": (_JSON, _repeated(b'{"pixels": [', b"0, ", 330_000, b'"' + b"x" * 5000 + b'"]}')),
    "20 MB of lists": (_JSON, _repeated(b'{"pixels": [', b"[0],", 4_900_000, b"[0]]}")),
    "20 MB of numbers": (_JSON, _repeated(b'{"pixels": [', b"0,", 9_900_000, b"0]}")),
    "20 MB of a key": (_JSON, _repeated(b'{"', b"imag", 4_900_000, b'": 1}')),
    "20 MB of base64 in lines": (_JSON, _repeated(b'{"image": "', b"A ", 9_900_000, b'"}')),
}
