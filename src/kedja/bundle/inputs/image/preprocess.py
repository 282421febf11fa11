"""Encoded image bytes → uint8 pixels: the only implementation, used by every link of the chain.

Data preparation, evaluation, export and serving all call `preprocess`, so what is served cannot
differ from what was trained by so much as a resampling filter.
"""

import functools
import io
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from kedja.bundle.inputs.image import judge
from kedja.bundle.inputs.image.formats import NAMES
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.inputs.input import NO_LIMITS, InputError, Limits

# Formats whose decoders are in Pillow itself and widely fuzzed. Left out on purpose: EPS and other
# formats that start external programs, and video- or document-like containers. MPO (several JPEGs in
# one file) is opened by Pillow's JPEG plugin and has no entry of its own.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "ICO", "AVIF", "JPEG2000")
MAX_PIXELS = 100_000_000
# Share of an image's pixels.
MOST_BEYOND = 0.01
# Rows of an image that are converted at once, so that conversion takes no second and third image's memory.
_STRIP = 64
# ISO/IEC 23008-12: what phones write as .heic. Its free decoders are under copyleft licences (see docs/data.md).
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

# Pillow warns of odd but decodable metadata, and of large images, whose size is judged here. Said once for the process:
# `warnings.catch_warnings` swaps the filters of all threads, and images are decoded on several.
for _category in (UserWarning, Image.DecompressionBombWarning):
    warnings.filterwarnings("ignore", category=_category, module=r"PIL\.")

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# Pillow turns TIFF images upright by itself while loading: EXIF orientation → what undoes it.
_TURN_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


class ImageError(InputError):
    """The bytes are no image that can be decoded.

    Codes: ``empty``, ``unknown-format``, ``too-large``, ``truncated``, ``corrupt``, ``out-of-scale``.
    """


@dataclass(frozen=True, slots=True)
class Examined:
    """Attributes:
    pixels: uint8 (H, W, C) as the specification says.
    format: Pillow's name of the format, for example ``JPEG``; empty where there was no file.
    width, height: in pixels, as the file stores the image (before EXIF rotation); NaN where there was none.
    deep: whether the file has more than eight bits a pixel (greyscale).
    """

    pixels: NDArray[np.uint8]
    format: str = ""
    width: float = math.nan
    height: float = math.nan
    deep: bool = False


def preprocess(data: bytes, spec: ImageSpec, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Encoded bytes → uint8 (H, W, C) as `spec` says.

    Raises:
        ImageError: see its codes. Nothing is guessed and nothing is repaired.
    """
    return fit(decode(data, spec, max_pixels), spec)


def examine(data: bytes, spec: ImageSpec, limits: Limits = NO_LIMITS) -> Examined:
    """`preprocess`, with what the file says of itself; raises the same, and what `judge` raises."""
    judge.admit(data, spec, limits)
    image = _open_checked(data, limits.pixels, limits.formats)
    judge.charge(data, image, spec, limits)
    name, (width, height), deep = image.format or "", image.size, is_deep(image)
    return Examined(fit(_load(image, spec), spec), name, width, height, deep)


def decode(data: bytes, spec: ImageSpec, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Encoded bytes → a Pillow image of mode ``L`` or ``RGB``, upright, in its own size.

    The first frame of an animation. Alpha is laid over white. More than eight bits are scaled by `spec.white`.

    Raises:
        ImageError: see its codes.
    """
    return _load(_open_checked(data, max_pixels), spec)


def fit(image: Image.Image, spec: ImageSpec) -> NDArray[np.uint8]:
    """Resize, crop or pad an upright ``L`` or ``RGB`` image → uint8 (H, W, C)."""
    size = (spec.width, spec.height)
    resampling = _RESAMPLING[spec.interpolation]
    if spec.resize == "pad":
        if image.size != size:
            image = ImageOps.pad(image, size, resampling)
    elif spec.resize == "crop":
        if image.size != size or spec.crop_fraction < 1:
            image = image.resize(size, resampling, box=centre_box(image.size, size, spec.crop_fraction))
    elif image.size != size:
        image = image.resize(size, resampling)
    # A copy: the array must own its memory and be writable for torch.
    pixels = np.array(image, dtype=np.uint8)
    return pixels.reshape(spec.shape)


def is_deep(image: Image.Image) -> bool:
    """Whether it is greyscale of more than eight bits."""
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


def to_mode(image: Image.Image, mode: str, white: float | None = None) -> Image.Image:
    """Any Pillow mode → ``L`` or ``RGB``: palettes looked up, alpha over white, `white` and 0 to 255 and 0."""
    if image.mode == mode and not image.has_transparency_data:
        return image
    if is_deep(image):
        image = _to_eight_bits(image) if white is None else _scaled(image, white)
    if image.has_transparency_data:
        return _over_white(image, mode)
    if image.mode not in ("L", "RGB", "RGBA", "1"):
        image = image.convert("RGB")
    return image.convert(mode)


def _open_checked(data: bytes, max_pixels: int, names: frozenset[str] | None = None) -> Image.Image:
    if not data:
        raise ImageError("empty", "the image has no bytes")
    # Pillow refuses twice its own limit before we see the size; what it opens inside of other files it judges alone.
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, max_pixels)
    image = _open(data, FORMATS if names is None else _plugins(names))
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError("too-large", f"the image has {width}×{height} pixels, more than the limit of {max_pixels:,}")
    return image


@functools.cache
def _plugins(names: frozenset[str]) -> tuple[str, ...]:
    """Pillow's names of these formats, in the order of `FORMATS`: the first that takes an image opens it."""
    return tuple(sorted({NAMES[name] for name in names}, key=FORMATS.index))


def _load(image: Image.Image, spec: ImageSpec) -> Image.Image:
    try:
        _shrink_while_decoding(image, spec)
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        image.load()
        if spec.exif:
            ImageOps.exif_transpose(image, in_place=True)
        elif image.format == "TIFF" and orientation in _TURN_BACK:
            image = image.transpose(_TURN_BACK[orientation])
        return to_mode(image, "L" if spec.channels == 1 else "RGB", spec.white)
    except (MemoryError, ImageError):
        raise
    except Exception as error:  # noqa: BLE001 -- Pillow's decoders raise many kinds on damaged input
        raise _damaged(error) from None


def _open(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
            raise ImageError(
                "unknown-format", "the image is HEIC/HEIF, which is not read", "convert it to JPEG or PNG"
            ) from None
        raise ImageError(
            "unknown-format",
            f"the bytes are no image of a known format (they begin with {data[:8]!r})",
            f"send one of {', '.join(sorted(formats))}",
        ) from None
    except Image.DecompressionBombError as error:
        raise ImageError("too-large", f"the image is too large: {_reason(error)}") from None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 -- as above
        raise _damaged(error) from None


def _damaged(error: Exception) -> ImageError:
    code = "truncated" if "truncated" in str(error).lower() else "corrupt"
    return ImageError(code, f"the image is {code}: {_reason(error)}")


def _shrink_while_decoding(image: Image.Image, spec: ImageSpec) -> None:
    """Let the JPEG decoder drop resolution that resizing would throw away (factor 2, 4 or 8).

    The draft keeps at least twice the target size, so that the resampling filter still has
    pixels to average.
    """
    if image.format not in ("JPEG", "MPO") or (spec.resize == "pad" and spec.interpolation == "nearest"):
        return
    side = 2 * max(spec.height, spec.width)
    image.draft(None, (side, side))


def centre_box(source: tuple[int, int], target: tuple[int, int], fraction: float) -> tuple[float, float, float, float]:
    """The centred (left, top, right, bottom) of `source` that has the target's aspect ratio."""
    scale = min(source[0] / target[0], source[1] / target[1]) * fraction
    width, height = target[0] * scale, target[1] * scale
    left, top = (source[0] - width) / 2, (source[1] - height) / 2
    # Rounding takes some boxes out of the image by the last digit, of 29 pixels for example, which Pillow refuses.
    return max(0.0, left), max(0.0, top), min(float(source[0]), left + width), min(float(source[1]), top + height)


def _scaled(image: Image.Image, white: float) -> Image.Image:
    """0…`white` → 0…255; a few values beyond, of hot pixels and resampling, become black and white."""
    eight, beyond = np.empty((image.height, image.width), np.uint8), 0
    lowest, highest = np.inf, -np.inf
    for top, strip in _strips(image):
        values: NDArray[np.float32] = np.nan_to_num(np.asarray(strip, np.float32))
        lowest, highest = min(lowest, values.min()), max(highest, values.max())
        beyond += int(((values < 0) | (values > white)).sum())
        eight[top : top + len(values)] = (values.clip(0, white) * (255 / white) + 0.5).astype(np.uint8)
    if beyond > MOST_BEYOND * eight.size:
        raise ImageError(
            "out-of-scale",
            f"the image holds values from {lowest:g} to {highest:g}, and white is {white:g}",
            f"scale its values to 0…{white:g}",
        )
    return Image.fromarray(eight)


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The image in pieces of a few rows, each with its first row."""
    if image.height <= _STRIP:
        yield 0, image
        return
    for top in range(0, image.height, _STRIP):
        yield top, image.crop((0, top, image.width, min(top + _STRIP, image.height)))


def _over_white(image: Image.Image, mode: str) -> Image.Image:
    result = Image.new(mode, image.size)
    for top, strip in _strips(image):
        rgba = strip.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        result.paste(Image.alpha_composite(white, rgba).convert(mode), (0, top))
    return result


def _to_eight_bits(image: Image.Image) -> Image.Image:
    def values(strip: Image.Image) -> NDArray[Any]:
        found: NDArray[Any] = np.nan_to_num(np.asarray(strip)).clip(0)
        return found

    most = max((values(strip).max(initial=0) for _, strip in _strips(image)), default=0)
    eight = np.empty((image.height, image.width), np.uint8)
    for top, strip in _strips(image):
        scaled = values(strip)
        if image.mode == "F":
            # No range is defined for floating-point images; the customary one is 0…1.
            scaled = scaled * 255 if most <= 1 else scaled
        elif image.mode.startswith("I;16") or most > 255:
            # 65535 / 255 = 257 maps both ends of the 16-bit range exactly.
            scaled = scaled / 257
        eight[top : top + len(scaled)] = np.minimum(scaled + 0.5, 255).astype(np.uint8)
    return Image.fromarray(eight)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
