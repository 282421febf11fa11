"""Decoding on the training device: JPEG by nvJPEG where that is a GPU, by way of torchvision.

Pixels differ from Pillow's by a few steps of 255 (another inverse transform, another filter), so only training images
go this way; every evaluation decodes as the served model will. What is no plain JPEG (another format, turned by EXIF,
CMYK) is left to Pillow.
"""

import io
import warnings
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from PIL import ExifTags, Image
from torch import Tensor
from torch.nn import functional as F

from kedja.bundle.inputs.image.preprocess import FORMATS, centre_box
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError

# Said once for the process, whose threads share its filters. TorchCodec, which is to follow, is not in the lock yet.
warnings.filterwarnings("ignore", message=r"The image decoding and encoding capabilities of TorchVision")

FILTERS = ("nearest", "bilinear", "bicubic")
_UPRIGHT = (None, 1)


def check_decodable(spec: ImageSpec, name: str, *, encoded: bool) -> None:
    """Raise a `KedjaError` where the data set `name` keeps no files, or is resized by a filter that is not here."""
    if not encoded:
        raise KedjaError(
            f"data.decoder=device: the data set {name} keeps pixels, so that there is nothing to decode",
            "data.decoder=pillow, or prepare the data set with storage=files",
        )
    if spec.interpolation not in FILTERS:
        raise KedjaError(
            f"data.decoder=device does not resize by {spec.interpolation}, as the data set {name} is",
            "data.decoder=pillow, or prepare the data set with interpolation=bilinear",
        )


def decode(files: Sequence[bytes], spec: ImageSpec, device: torch.device) -> Tensor:
    """Encoded images → uint8 (N, H, W, C) on `device`.

    Raises:
        ImageError: Pillow cannot read one of them either.
    """
    pixels = torch.empty(len(files), *spec.shape, dtype=torch.uint8, device=device)
    plain = [index for index, data in enumerate(files) if is_plain_jpeg(data, spec)]
    decoded = _decode_jpegs([files[index] for index in plain], spec, device)
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, image in enumerate(decoded):
        alike[image.shape[1], image.shape[2]].append(place)
    for places in alike.values():
        images = fit(torch.stack([decoded[place] for place in places]), spec)
        pixels[[plain[place] for place in places]] = images.permute(0, 2, 3, 1)
    for index in sorted(set(range(len(files))) - set(plain[: len(decoded)])):
        pixels[index] = torch.from_numpy(np.ascontiguousarray(spec.decode(files[index]).pixels)).to(device)
    return pixels


def is_plain_jpeg(data: bytes, spec: ImageSpec) -> bool:
    """Whether nothing but decoding and resizing stands between the file and its pixels."""
    if not data.startswith(b"\xff\xd8"):
        return False
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            turned = spec.exif and image.getexif().get(ExifTags.Base.Orientation) not in _UPRIGHT
            return image.mode in ("L", "RGB") and not turned
    except Exception:  # noqa: BLE001 -- Pillow says what is wrong when it is asked to decode
        return False


def fit(images: Tensor, spec: ImageSpec) -> Tensor:
    """Uint8 (N, C, h, w) of one size → uint8 (N, C, H, W) as `spec` says, as `preprocess.fit` does for one image."""
    height, width = images.shape[2:]
    if spec.resize == "crop":
        left, top, right, bottom = (
            round(side) for side in centre_box((width, height), (spec.width, spec.height), spec.crop_fraction)
        )
        images = images[:, :, top : max(bottom, top + 1), left : max(right, left + 1)]
    elif spec.resize == "pad":
        share = min(spec.width / width, spec.height / height)
        tall, wide = max(1, round(height * share)), max(1, round(width * share))
        above, before = (spec.height - tall) // 2, (spec.width - wide) // 2
        edges = [before, spec.width - wide - before, above, spec.height - tall - above]
        return F.pad(_resize(images, (tall, wide), spec.interpolation), edges)
    return _resize(images, (spec.height, spec.width), spec.interpolation)


def _resize(images: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    if tuple(images.shape[2:]) == size:
        return images
    smooth = {} if interpolation == "nearest" else {"antialias": True, "align_corners": False}
    resized = F.interpolate(images.float(), size=size, mode=interpolation, **smooth)
    return resized.round().clamp(0, 255).to(torch.uint8)


def _decode_jpegs(files: Sequence[bytes], spec: ImageSpec, device: torch.device) -> list[Tensor]:
    """Uint8 (C, h, w) each; none where one of them is damaged, which Pillow then names."""
    from torchvision.io import ImageReadMode, decode_jpeg

    if not files:
        return []
    # A copy: torch wants memory that it may write to.
    encoded = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in files]
    mode = ImageReadMode.GRAY if spec.channels == 1 else ImageReadMode.RGB
    try:
        return list(decode_jpeg(encoded, mode=mode, device=device))
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:
        return []
