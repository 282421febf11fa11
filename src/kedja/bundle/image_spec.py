"""What a model expects of an image: the facts that travel with the weights."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from kedja.bundle.validate import check_types
from kedja.common.errors import KedjaError, nearest

# Of one side in pixels; 8192×8192 in colour take 200 MB, far beyond any network.
MAX_SIDE = 8192

Resize = Literal["stretch", "crop", "pad"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]


@dataclass(frozen=True)
class ImageSpec:
    """Size, channels and resize policy of a model's input.

    Attributes:
        height, width: size in pixels.
        channels: 1 (luminance) or 3 (sRGB).
        resize: ``stretch`` ignores the aspect ratio; ``crop`` scales the image until it covers the
            target and cuts the centre; ``pad`` scales until it fits and fills the rest with black.
        interpolation: the resampling filter, applied with anti-aliasing when shrinking.
        crop_fraction: with ``crop``, the share of the scaled image's side that the cut keeps
            (0.875 is the customary 224 of 256).
        exif: whether the EXIF orientation is applied before anything else.
    """

    height: int
    width: int
    channels: int
    resize: Resize = "stretch"
    interpolation: Interpolation = "bilinear"
    crop_fraction: float = 1.0
    exif: bool = True

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise KedjaError(f"an image has 1 or 3 channels, not {self.channels}")
        if min(self.height, self.width) < 1:
            raise KedjaError(f"an image of {self.height}×{self.width} pixels has no pixels")
        if max(self.height, self.width) > MAX_SIDE:
            raise KedjaError(f"an input of {self.height}×{self.width} pixels is larger than {MAX_SIDE} on a side")
        if not 0 < self.crop_fraction <= 1:
            raise KedjaError(f"crop_fraction={self.crop_fraction} is not in (0, 1]")
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

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "ImageSpec":
        try:
            check_types(value, cls, "input")
        except KedjaError as error:
            raise KedjaError(f"the image specification {str(value)[:200]} is not valid: {error.problem}") from None
        return cls(**value)
