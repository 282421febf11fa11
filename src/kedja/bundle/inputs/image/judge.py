"""What an encoded image will cost, read from its header before anything of it is decoded.

Two questions: is it plainly cheap, so that it may be decoded in a thread (answered from bytes alone, in microseconds,
whatever they are), and what does a request ask for in all (answered of images that Pillow has opened).
"""

import struct
from dataclasses import dataclass

from PIL import Image

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.inputs.input import PLAIN_MEMORY, Costly, InputError, Limits
from kedja.common.pairs import count_pairs

# Of all images of a request: so many times the pixels of one.
IMAGES_IN_ONE = 4
MAX_SCANS = 100
MAX_SCANS_OF_REQUEST = 1000
# Scans × pixels of a request, in pixels of the largest image: cameras and web sites write ten scans at the most.
MAX_PASSES = 16
MAX_TILES = 20_000

# Plainly cheap, of a whole request: at the worst some 0.3 s of one thread, and `PLAIN_MEMORY`. WebP decodes faster than
# it looks here, but holds the interpreter's lock for it, and so is cheap up to 5 ms alone.
_PLAIN_BYTES = 8_000_000
_PLAIN_WORK = 16_000_000  # pixels × scans of baseline JPEG, which decodes fastest
_WORK = {"JPEG": 1, "JPEG-PROGRESSIVE": 4, "PNG": 8, "WEBP": 64}
_PLAIN_BASELINE_SCANS = 8
_MOST_SEGMENTS = 64
_MOST_CHUNKS = 1000
_MOST_TEXTS = 8

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG2000"),
    (b"\x00\x00\x01\x00", "ICO"),
    *((magic, "TIFF") for magic in (b"II*\x00", b"MM\x00*", b"II\x00*", b"MM*\x00", b"II+\x00", b"MM\x00+")),
)
_AVIF_BRANDS = (b"avif", b"avis", b"mif1", b"msf1")


@dataclass(frozen=True, slots=True)
class Cost:
    """Attributes:
    work: pixels × passes over them, in what a baseline JPEG takes for one.
    memory: bytes, with what is handed on.
    """

    pixels: int
    work: int
    memory: int
    scans: int = 1
    tiles: int = 1


def sniff(data: bytes) -> str:
    """The name of the format, of `formats.NAMES`, as the first bytes have it; empty where they say nothing."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:2] == b"BM":
        return "BMP-RLE" if data[30:34] in (b"\x01\0\0\0", b"\x02\0\0\0") and data[14:18] > b"\x0c\0\0\0" else "BMP"
    if data[:1] == b"P" and data[1:2] in b"0123456fy" and len(data) > 1:
        return "PPM-PLAIN" if data[1:2] in b"123" else "PPM"
    return "AVIF" if data[4:8] == b"ftyp" and data[8:12] in _AVIF_BRANDS else ""


def admit(data: bytes, spec: ImageSpec, limits: Limits) -> None:
    """Before Pillow sees the bytes: is the format welcome, and where only cheap images are decoded, is it one.

    Raises:
        InputError: ``unknown-format``.
        Costly: it is not plainly cheap, or no longer with all that came before it in the request.
    """
    name = sniff(data)
    if limits.formats is not None and name and name not in limits.formats:
        raise InputError(
            "unknown-format",
            f"the image is {name}, which this service does not read",
            f"send one of {', '.join(sorted(limits.formats))}, or start the service with formats=…,{name}",
        )
    if not limits.plain or limits.spent is None:
        return
    if not name and (limits.formats is None or "TGA" in limits.formats):
        raise Costly  # TGA has no magic number
    if name and data:
        cost = plainly_cheap(data, name, spec)
        if cost is None or cost.pixels > limits.pixels:
            raise Costly
        limits.spent.pixels += cost.work
        limits.spent.memory += cost.memory
        if limits.spent.pixels > _PLAIN_WORK or limits.spent.memory > PLAIN_MEMORY:
            raise Costly
        if limits.grant:
            limits.grant(limits.spent.memory)


def plainly_cheap(data: bytes, name: str, spec: ImageSpec) -> Cost | None:
    """What it costs, where that is little and certain; else None, for damaged headers too."""
    reader = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp}.get(name)
    if reader is None or len(data) > _PLAIN_BYTES:
        return None
    try:
        cost = reader(data, spec)
    except (struct.error, IndexError):
        return None
    if cost is None or cost.work > _PLAIN_WORK or cost.memory > PLAIN_MEMORY:
        return None
    return cost


def _jpeg(data: bytes, spec: ImageSpec) -> Cost | None:
    scans = _scans(data)
    at = 2
    for _ in range(_MOST_SEGMENTS):
        marker, length = struct.unpack_from(">HH", data, at)
        if marker in (0xFFC0, 0xFFC1, 0xFFC2):
            height, width, parts = struct.unpack_from(">HHB", data, at + 5)
            progressive = marker == 0xFFC2
            if not progressive and scans > _PLAIN_BASELINE_SCANS:
                return None
            memory = jpeg_memory(width, height, parts, spec, many_scans=progressive or scans > 1)
            work = width * height * scans * _WORK["JPEG-PROGRESSIVE" if progressive else "JPEG"]
            return Cost(width * height, work, memory + len(data) + _handed_on(spec), scans)
        if not 0xFFC4 <= marker <= 0xFFFE or marker == 0xFFDA or 0xFFD0 <= marker <= 0xFFD9 or length < 2:
            return None
        at += 2 + length
    return None


def _scans(data: bytes) -> int:
    """How many scans a JPEG has at the most: those of thumbnails and chance bytes count too, and none is missed."""
    return count_pairs(data, b"\xff\xda")


def jpeg_memory(width: int, height: int, parts: int, spec: ImageSpec, *, many_scans: bool) -> int:
    """Bytes for the image, which the decoder may give smaller, for a copy, and for the coefficients of later scans."""
    scale = 1
    # Padding with the nearest pixel takes the image as it is.
    if spec.resize != "pad" or spec.interpolation != "nearest":
        side = 2 * max(spec.height, spec.width)
        wanted = max(1, min(width // side, height // side))
        scale = max(one for one in (8, 4, 2, 1) if one <= wanted)
    return width * height * 8 // scale**2 + (width * height * 2 * parts if many_scans else 0)


def _png(data: bytes, spec: ImageSpec) -> Cost | None:
    width, height = struct.unpack_from(">II", data, 16)
    at, texts = 8, 0
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        texts += kind in (b"zTXt", b"iTXt", b"iCCP", b"tEXt", b"eXIf")
        if kind in (b"acTL", b"fdAT") or texts > _MOST_TEXTS:
            return None
        if kind == b"IEND":
            break
        at += 12 + length
    else:
        return None
    pixels = width * height
    return Cost(pixels, pixels * _WORK["PNG"], pixels * 8 + len(data) + _handed_on(spec))


def _webp(data: bytes, spec: ImageSpec) -> Cost | None:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8X" and not data[20] & 0x02:  # no animation
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    else:
        return None
    pixels = width * height
    return Cost(pixels, pixels * _WORK["WEBP"], pixels * 12 + len(data) + _handed_on(spec))


def _handed_on(spec: ImageSpec) -> int:
    return 2 * spec.height * spec.width * spec.channels


def charge(data: bytes, image: Image.Image, spec: ImageSpec, limits: Limits) -> None:
    """Add an opened image to what its request spent, and wait for the memory that it needs.

    Raises:
        InputError: with this image, the request asks for too much.
    """
    if limits.spent is None or limits.plain:
        return
    cost = cost_of(data, image, spec)
    spent = limits.spent
    spent.pixels += cost.pixels
    spent.scans += cost.scans
    spent.work += cost.work
    spent.tiles += cost.tiles
    handed_on = _handed_on(spec)
    spent.memory += handed_on
    most = IMAGES_IN_ONE * limits.pixels
    if spent.pixels > most:
        raise _too("large", f"the request has more than {most:,} pixels", "send several requests")
    if cost.scans > MAX_SCANS or spent.scans > MAX_SCANS_OF_REQUEST:
        problem = f"{cost.scans} scans in an image and {spent.scans} in the request are more than {MAX_SCANS} and "
        raise _too("many-scans", f"{problem}{MAX_SCANS_OF_REQUEST:,}", "save it as a baseline JPEG")
    if spent.work > MAX_PASSES * limits.pixels:
        problem = f"{cost.scans} scans over {cost.pixels:,} pixels are, with what came before, more than "
        raise _too("many-scans", f"{problem}{MAX_PASSES} over {limits.pixels:,}", "save it as a baseline JPEG")
    if spent.tiles > MAX_TILES:
        raise _too("many-tiles", f"the request's images have more than {MAX_TILES:,} tiles or strips", "save it as PNG")
    need = spent.memory + cost.memory
    if need > limits.memory:
        problem = f"{image.width}×{image.height} pixels of mode {image.mode} in {image.format or 'this format'} take "
        raise _too(
            "large",
            f"{problem}{need:,} bytes while decoded, more than the limit of {limits.memory:,}",
            "send a smaller image or a baseline JPEG, or raise memory",
        )
    if limits.grant:
        limits.grant(need)


def _too(what: str, problem: str, remedy: str) -> InputError:
    return InputError(f"too-{what}", problem, remedy)


def cost_of(data: bytes, image: Image.Image, spec: ImageSpec) -> Cost:
    """Of an image that Pillow has opened and not loaded. Frames but the first are never decoded."""
    pixels = image.width * image.height
    tiles = len(getattr(image, "tile", ()))
    if image.format in ("JPEG", "MPO"):
        scans = _scans(data)
        many = scans > 1
        memory = jpeg_memory(image.width, image.height, len(image.getbands()), spec, many_scans=many)
        return Cost(pixels, pixels * scans, memory + len(data), scans)
    # As it is decoded, as a copy that is turned or converted, and what codecs of video and wavelets hold beside that.
    beside = {"WEBP": 8, "AVIF": 16, "JPEG2000": 8 + 8 * len(image.getbands()), "ICO": 8}
    a_pixel = 8 + beside.get(image.format or "", 0)
    memory = pixels * a_pixel + len(data)
    if image.format == "TIFF":
        memory += 2 * _largest_tile(image)
    return Cost(pixels, pixels, memory, tiles=tiles)


def _largest_tile(image: Image.Image) -> int:
    """Bytes of a TIFF's tile, which may be larger than the image, or of its strip, which may not."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(258, (8,))
    a_pixel = max(1, sum(bits if isinstance(bits, tuple) else (bits,)) // 8)
    tile = int(tags.get(322, 0)) * int(tags.get(323, 0))
    return max(tile, image.width * min(image.height, int(tags.get(278, image.height)))) * a_pixel
