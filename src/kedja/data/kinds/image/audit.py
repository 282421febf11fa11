"""What the audit looks for in images, and how it shows them."""

import base64
import io
from html import escape
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kedja.data.audit.finding import Finding, plural
from kedja.data.audit.index import FullIndex, class_names, split_names
from kedja.data.prepared import PreparedDataset

_THUMBNAIL = 160
_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "DIB": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "TGA": (".tga",),
    "ICO": (".ico",),
    "AVIF": (".avif",),
    "JPEG2000": (".jp2", ".j2k"),
}


def wrong_suffixes(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Files whose suffix names another format than their content."""
    files = {}
    for path, kind in zip(data.paths, index.columns["format"], strict=True):
        suffix = PurePosixPath(path).suffix.lower()
        if path and kind in _SUFFIXES and suffix not in _SUFFIXES[kind]:
            files[path] = f"is {kind}"
    if not files:
        return []
    remedy = "they are read by their content; other programs may go by the suffix: rename them"
    return [Finding("wrong-suffix", "warning", plural(len(files), "file with a wrong suffix"), remedy, files=files)]


def blank_images(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Images of one colour. All of them have the perceptual hash zero, so that few must be read."""
    candidates = np.flatnonzero(np.array(index.numbers("perceptual_hash", 16), np.uint64) == 0)
    blank = [
        [int(position)]
        for start in range(0, len(candidates), 512)
        for position, image in zip(
            candidates[start : start + 512], data.pixels(candidates[start : start + 512]), strict=True
        )
        if (image == image[0, 0]).all()
    ]
    captions = [f"{split_names(data, group)}: {class_names(data, group)}" for group in blank]
    remedy = "a blank image shows nothing of its class"
    return (
        [Finding("blank", "warning", plural(len(blank), "image of one colour"), remedy, blank, captions)]
        if blank
        else []
    )


def facts(index: FullIndex) -> dict[str, Any]:
    """Sizes and formats of the originals."""
    widths, heights = (np.array(index.numbers(name)) for name in ("width", "height"))
    formats = index.columns["format"]
    return {
        "original_width": [int(widths.min()), int(np.median(widths)), int(widths.max())],
        "original_height": [int(heights.min()), int(np.median(heights)), int(heights.max())],
        "formats": {kind or "pixels": formats.count(kind) for kind in sorted(set(formats))},
    }


def rows(facts: dict[str, Any]) -> dict[str, str]:
    """The facts in words."""
    height, width, channels = facts["shape"]
    return {
        "prepared size": f"{height}×{width}, {channels} channel{'s' if channels > 1 else ''}",
        "original width": "{} to {} (median {})".format(*np.array(facts["original_width"])[[0, 2, 1]]),
        "original height": "{} to {} (median {})".format(*np.array(facts["original_height"])[[0, 2, 1]]),
        "formats": ", ".join(f"{kind} {number:,}" for kind, number in facts["formats"].items()),
        "mean per channel": ", ".join(f"{value:.4f}" for value in facts["mean"]),
        "standard deviation": ", ".join(f"{value:.4f}" for value in facts["std"]),
    }


def picture(pixels: NDArray[np.uint8], title: str) -> str:
    """An image, uint8 (H, W, C), as HTML with its bytes inside."""
    small = max(pixels.shape[:2]) <= 64
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    buffer = io.BytesIO()
    # Small pictures lose too much to JPEG, large ones are too heavy as PNG.
    image.save(buffer, "PNG" if small else "JPEG")
    text, kind = escape(title, quote=True), "png" if small else "jpeg"
    source = f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
    style = ' class="small"' if small else ""
    return f'<img{style} src="{source}" alt="{text}" title="{text}" loading="lazy">'
