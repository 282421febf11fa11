"""One chunk of images: read, decode, fit, hash. Runs in worker processes."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from kedja.bundle.inputs.image.preprocess import MAX_PIXELS, ImageError, examine, fit, to_mode
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.inputs.input import Limits
from kedja.data.kinds.image.perceptual import brightness, perceptual_hashes
from kedja.data.kinds.image.statistics import image_sums
from kedja.data.kinds.kind import Result
from kedja.data.preparation.npy import Place, write_images
from kedja.data.sources.files.tree import File

BLOCK_BYTES = 2**19
# Cameras write it first; a JFIF header may stand before it.
EXIF_WITHIN = 64

Content = File | NDArray[np.uint8]


@dataclass(frozen=True)
class Plan:
    """Attributes:
    spec: what every image becomes.
    pixels: `.npy` file that takes the pixels, None where they are not kept.
    brightness: `.npy` file that takes a 16×16 picture of each image, for the search of near-duplicates.
    max_pixels: larger images are refused.
    """

    spec: ImageSpec
    pixels: Place | None
    brightness: Place
    max_pixels: int = MAX_PIXELS


def decode_chunk(plan: Plan, chunk: Sequence[tuple[int, Content]]) -> list[Result]:
    """Decode images, write their pixels to their places, and say what was found of each."""
    # A block's pixels stay in the processor's cache while they are counted, hashed and written.
    step = max(1, BLOCK_BYTES // int(np.prod(plan.spec.shape)))
    results: list[Result] = []
    for start in range(0, len(chunk), step):
        results += _decode_block(plan, chunk[start : start + step])
    return results


def _decode_block(plan: Plan, block: Sequence[tuple[int, Content]]) -> list[Result]:
    facts: list[tuple[Any, ...]] = []
    positions, failures = [], []
    batch = np.empty((len(block), *plan.spec.shape), np.uint8)
    for position, content in block:
        try:
            pixels, fact = _read(content, plan)
        except ImageError as error:
            failures.append(_failure(position, content, error.code, error.problem))
        except OSError as error:
            failures.append(_failure(position, content, "unreadable", f"the file cannot be read: {error.strerror}"))
        else:
            batch[len(facts)] = pixels
            positions.append(position)
            facts.append(fact)
    if not facts:
        return failures
    batch = batch[: len(facts)]
    if plan.pixels is not None:
        write_images(plan.pixels, np.array(positions), batch)
    cells = brightness(batch)
    write_images(plan.brightness, np.array(positions), cells)
    hashes = [_pixel_hash(image) for image in batch]
    perceptual = perceptual_hashes(cells).view(np.int64).tolist()
    rows = zip(facts, hashes, perceptual, image_sums(batch), positions, strict=True)
    return failures + [(*fact, pixels, near, sums, "", "", position) for fact, pixels, near, sums, position in rows]


def _read(content: Content, plan: Plan) -> tuple[NDArray[np.uint8], tuple[Any, ...]]:
    if not isinstance(content, np.ndarray):
        data = content.read_bytes()
        found = examine(data, plan.spec, Limits(pixels=plan.max_pixels))
        if found.deep and plan.spec.white is None:
            problem = "the image has more than eight bits a pixel, and none of those that were looked at has"
            raise ImageError("out-of-scale", f"{problem}: state the scale with bits=…, for example bits=16")
        digest = hashlib.sha256(data).hexdigest()
        return found.pixels, (digest, found.width, found.height, found.format, len(data), _taken(data))
    image = to_mode(Image.fromarray(content), "L" if plan.spec.channels == 1 else "RGB")
    # There are no original bytes; the pixels in C order stand for them.
    digest = hashlib.sha256(np.ascontiguousarray(content).data).hexdigest()
    return fit(image, plan.spec), (digest, image.width, image.height, "", content.nbytes, "")


def _taken(data: bytes) -> str:
    """When the photograph was taken, as EXIF says: "2024:05:01 12:34:56"; empty where it does not."""
    if b"Exif" not in data[:EXIF_WITHIN]:
        return ""
    try:
        exif = Image.open(io.BytesIO(data)).getexif()
        found = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
        return found if isinstance(found, str) else ""
    except Exception:  # noqa: BLE001 -- damaged EXIF data of a picture that could be decoded
        return ""


def _failure(position: int, content: Content, code: str, reason: str) -> Result:
    size = 0 if isinstance(content, np.ndarray) else content.size()
    return ("", 0, 0, "", size, "", None, None, "", code, reason, position)


def _pixel_hash(image: NDArray[np.uint8]) -> int:
    """64 bits: two different images of a million collide with a probability below 1e-7."""
    return int.from_bytes(hashlib.sha256(image.data).digest()[:8], "big", signed=True)
