"""What a model expects of an image: the facts that travel with the weights."""

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from kedja.bundle.inputs.input import NO_LIMITS, NPY, Example, Examples, Feed, Limits, Tensor, Values
from kedja.bundle.inputs.optional import Portable, TakesArrays
from kedja.common.errors import KedjaError, nearest

# Of one side in pixels; 8192×8192 in colour take 200 MB, far beyond any network.
MAX_SIDE = 8192

Resize = Literal["stretch", "crop", "pad"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kedja.bundle.explanation import Explanation, Parts
    from kedja.bundle.inputs.image.preprocess import Examined

TENSOR = "image"
# Raw pixels are shown as an example while they fit on a screen.
_LARGEST_PIXEL_EXAMPLE = 1024
_SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"BM": ".bmp", b"RIFF": ".webp"}
_RESIZE = {
    "stretch": "stretched to that size, whatever its aspect ratio",
    "crop": "scaled until it covers that size, then cut around the centre",
    "pad": "scaled until it fits, the rest filled with black",
}


@dataclass(frozen=True)
class ImageSpec(Portable, TakesArrays):
    """Size, channels and resize policy of a model's input; as an example, `preprocess.Examined`.

    What needs numpy or Pillow is imported when it is called: a specification is read where no image is.

    Attributes:
        height, width: size in pixels.
        channels: 1 (luminance) or 3 (sRGB).
        resize: ``stretch`` ignores the aspect ratio; ``crop`` scales the image until it covers the
            target and cuts the centre; ``pad`` scales until it fits and fills the rest with black.
        interpolation: the resampling filter, applied with anti-aliasing when shrinking.
        crop_fraction: with ``crop``, the share of the scaled image's side that the cut keeps
            (0.875 is the customary 224 of 256).
        exif: whether the EXIF orientation is applied before anything else.
        white: the value that becomes 255 in images of more than eight bits. None where the data set had no such images:
            65535 for sixteen bits, by the image's own maximum for floats and 32 bits.
    """

    kind: ClassVar[str] = "image"
    noun: ClassVar[str] = "image"
    nouns: ClassVar[str] = "images"
    arrays_key: ClassVar[str] = "pixels"
    media_types: ClassVar[tuple[str, ...]] = ("image/*", NPY, "application/octet-stream")
    suffixes: ClassVar[frozenset[str]] = frozenset(
        f".{suffix}"
        for suffix in (
            *("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "webp", "gif", "bmp", "dib", "tif", "tiff"),
            *("ppm", "pgm", "pbm", "pnm", "tga", "ico", "avif", "jp2", "j2k"),
        )
    )
    hint: ClassVar[str] = '{"image": "<base64>"}'

    height: int
    width: int
    channels: int
    resize: Resize = "stretch"
    interpolation: Interpolation = "bilinear"
    crop_fraction: float = 1.0
    exif: bool = True
    white: float | None = None

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise KedjaError(f"an image has 1 or 3 channels, not {self.channels}")
        if min(self.height, self.width) < 1:
            raise KedjaError(f"an image of {self.height}×{self.width} pixels has no pixels")
        if max(self.height, self.width) > MAX_SIDE:
            raise KedjaError(f"an input of {self.height}×{self.width} pixels is larger than {MAX_SIDE} on a side")
        if not 0 < self.crop_fraction <= 1:
            raise KedjaError(f"crop_fraction={self.crop_fraction} is not in (0, 1]")
        if self.white is not None and not 0 < self.white < 2**32:
            raise KedjaError(f"white={self.white} is no value of an image")
        for name, value, valid in (
            ("resize", self.resize, get_args(Resize)),
            ("interpolation", self.interpolation, get_args(Interpolation)),
        ):
            if value not in valid:
                raise KedjaError(f"{name}={value!r} is not a choice", nearest(str(value), list(valid)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.height, self.width, self.channels

    @property
    def colours(self) -> str:
        """``greyscale`` or ``RGB``."""
        return "greyscale" if self.channels == 1 else "RGB"

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """``image``: uint8 (N, H, W, C), raw pixels; normalisation is inside the graph."""
        return (Tensor(TENSOR, "uint8", self.shape),)

    def decode(self, data: bytes, limits: Limits = NO_LIMITS) -> "Examined":
        from kedja.bundle.inputs.image.preprocess import examine

        return examine(data, self, limits)

    def from_value(self, value: Any, limits: Limits = NO_LIMITS) -> "Examined":
        from kedja.bundle.inputs.image.values import from_base64

        return self.decode(from_base64(value), limits)

    def pack(self, example: Example) -> Any:
        return example.pixels.tobytes(), example.format, example.width, example.height

    def unpack(self, packed: Any) -> "Examined":
        from kedja.bundle.inputs.image.values import unpack

        return unpack(packed, self)

    def format(self, data: bytes) -> str:
        from kedja.bundle.inputs.image.judge import sniff

        return sniff(data) or "TGA"

    def to_value(self, data: bytes) -> str:
        return base64.b64encode(data).decode()

    def from_arrays(self, value: Any, limits: Limits) -> Examples:
        from kedja.bundle.inputs.image.values import from_pixels

        return from_pixels(value, self, limits)

    def collate(self, examples: Sequence[Example]) -> Feed:
        import numpy as np

        return {TENSOR: np.stack([example.pixels for example in examples])}

    def feed(self, pixels: "NDArray[np.uint8]") -> Feed:
        """Uint8 (N, H, W, C), as the graph takes them."""
        return {TENSOR: pixels}

    def features(self, feed: Feed) -> Values:
        from kedja.bundle.inputs.image.features import of_pixels

        return of_pixels(feed[TENSOR])

    def facts(self, examples: Sequence[Example]) -> Values:
        import numpy as np

        from kedja.bundle.inputs.image.features import of_sizes

        return of_sizes(np.array([(example.width, example.height) for example in examples], np.float64))

    def parts(self, example: Example) -> "Parts":
        from kedja.bundle.inputs.image.parts import parts

        return parts(example)

    def drawn(self, example: Example, explanation: "Explanation", classes: Sequence[str]) -> tuple[str, bytes]:
        from kedja.bundle.inputs.image.parts import overlay, png

        return ".png", png(overlay(example.pixels, explanation.weights))

    def value_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "byte", "description": "an encoded image in base64, or a data address"}

    def arrays_schema(self) -> dict[str, Any]:
        shapes = f"whole numbers 0…255 of shape (H, W, C) = {self.shape}, flat, or (N, …) for several images"
        return {"type": "array", "items": {}, "description": shapes}

    def arrays_example(self, data: bytes) -> Any:
        if self.height * self.width * self.channels > _LARGEST_PIXEL_EXAMPLE:
            return None
        pixels = self.decode(data).pixels
        return (pixels[..., 0] if self.channels == 1 else pixels).tolist()

    @property
    def summary(self) -> str:
        return f"{self.width}×{self.height} {'grey' if self.channels == 1 else 'colour'}"

    def describe(self) -> list[str]:
        upright = "turned upright by its EXIF data, " if self.exif else ""
        return [
            f"`{TENSOR}`: uint8 (N, {self.height}, {self.width}, {self.channels}), raw {self.colours} pixels; "
            "normalisation is inside the graph",
            f"an encoded image is {upright}converted to {self.colours}, and {_RESIZE[self.resize]} "
            f"({self.interpolation}, anti-aliased)",
            *([f"of images of more than eight bits, values 0…{self.white:g} become 0…255"] if self.white else []),
        ]

    def suffix(self, data: bytes) -> str:
        return next((suffix for magic, suffix in _SUFFIXES.items() if data.startswith(magic)), ".img")

    def to_json(self) -> dict[str, Any]:
        # Left out where it is unset: data sets and bundles of before keep their hashes.
        return {name: value for name, value in asdict(self).items() if name != "white" or value is not None}
