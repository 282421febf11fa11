"""Image size, channels and storage, where the user left them open: chosen from the images, and said aloud."""

import io
import warnings
from collections.abc import Iterable

import numpy as np
from PIL import Image

from kedja.bundle.inputs.image.preprocess import FORMATS, is_deep
from kedja.bundle.inputs.image.spec import ImageSpec, Resize
from kedja.common.errors import KedjaError
from kedja.common.progress import say
from kedja.data.kinds.image.decode import Content
from kedja.data.kinds.image.depth import Values, choose_white, look
from kedja.data.settings import Settings
from kedja.data.sources.source import Source

# Sizes that networks are customarily trained at.
CUSTOMARY = (32, 64, 96, 128, 160, 224)
# Photographs that have them keep more pixels: weights that learnt from crops of 224 know whole pictures better so.
LARGER = 320
# The share of a picture that a crop may cut off, by the median, before borders are the lesser evil.
MOST_CUT = 0.5
LARGEST_KEPT = 256
ARRAYS_BYTES = 8 * 2**30


def choose_spec(source: Source, settings: Settings, contents: Iterable[Content]) -> ImageSpec:
    """The input specification of the data set.

    Args:
        contents: some of the source's images, looked at where the source and the settings leave something open.
    """
    wanted = settings.side()
    if source.image is not None and wanted is None and settings.channels in (None, source.image.channels):
        return source.image
    sizes, grey, deep = _look(contents, settings.max_pixels)
    if not sizes:
        raise KedjaError("none of the images can be read", "look at one of them with an image viewer")
    channels = settings.channels or (1 if grey else 3)
    side = wanted or _choose_side(sizes, CUSTOMARY if channels == 1 else (*CUSTOMARY, LARGER))
    same_shape = all(height * side[1] == width * side[0] for height, width in sizes)
    resize = "stretch" if same_shape else _choose_resize(sizes, side, settings)
    white = choose_white(deep, settings.bits)
    spec = ImageSpec(*side, channels, resize, settings.interpolation, white=white)
    if wanted is None or settings.channels is None:
        say(f"images of {_range(sizes)} pixels become {side[0]}×{side[1]}, {'grey' if channels == 1 else 'colour'}")
    return spec


def choose_storage(settings: Settings, spec: ImageSpec, count: int, *, encoded: bool) -> str:
    """``arrays`` or ``files``."""
    if not encoded:
        if settings.storage == "files":
            raise KedjaError("this source has no encoded files to keep", "leave storage=files out")
        return "arrays"
    if settings.storage != "auto":
        return settings.storage
    size = count * int(np.prod(spec.shape))
    chosen = "arrays" if size <= ARRAYS_BYTES else "files"
    say(f"storage={chosen}: {count:,} images make {size / 2**30:.2f} GiB of pixels (limit {ARRAYS_BYTES >> 30} GiB)")
    return chosen


def _choose_side(sizes: list[tuple[int, int]], customary: tuple[int, ...]) -> tuple[int, int]:
    """The images' own size where all have the same small one, else the largest customary square that they fill."""
    if len(set(sizes)) == 1 and max(sizes[0]) <= LARGEST_KEPT:
        return sizes[0]
    typical = int(np.median([min(size) for size in sizes]))
    side = max([s for s in customary if s <= typical], default=customary[0])
    return side, side


def _choose_resize(sizes: list[tuple[int, int]], side: tuple[int, int], settings: Settings) -> Resize:
    """As asked; else the centre, where it is most of the picture, and all of it with borders where it is not."""
    if settings.resize != "auto":
        return settings.resize
    shapes = np.array([height / width for height, width in sizes]) / (side[0] / side[1])
    cut = float(np.median(1 - np.minimum(shapes, 1 / shapes)))
    if cut > MOST_CUT:
        say(f"resize=pad: a crop would cut off {cut:.0%} of a typical image")
        return "pad"
    say(f"resize=crop: what counts is usually in the middle, and {cut:.0%} of a typical image is cut off at its ends")
    return "crop"


def _look(contents: Iterable[Content], max_pixels: int) -> tuple[list[tuple[int, int]], bool, list[Values]]:
    """Sizes (height, width) of images, whether all of them are grey, and the values of those with many bits."""
    sizes, grey, deep = [], True, []
    for content in contents:
        found = _header(content, max_pixels)
        if found is not None:
            sizes.append(found[0])
            grey = grey and found[1]
            deep += [found[2]] if found[2] else []
    return sizes, grey, deep


def _header(content: Content, max_pixels: int) -> tuple[tuple[int, int], bool, Values | None] | None:
    if isinstance(content, np.ndarray):
        height, width = content.shape[:2]
        return (height, width), content.ndim == 2, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content.read_bytes()), formats=FORMATS) as image:
                # First: to look for EXIF data decodes a PNG, which then has forgotten how many bits it had.
                values = look(image) if image.width * image.height <= max_pixels else None
                turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
                size = (image.width, image.height) if turned else (image.height, image.width)
                grey = image.mode in ("1", "L", "LA", "La") or is_deep(image)
                return size, grey, values
    except Exception:  # noqa: BLE001 -- decoding reports what cannot be read
        return None


def _range(sizes: list[tuple[int, int]]) -> str:
    smallest, largest = min(sizes), max(sizes)
    if smallest == largest:
        return f"{smallest[0]}×{smallest[1]}"
    return f"{smallest[0]}×{smallest[1]} to {largest[0]}×{largest[1]}"
