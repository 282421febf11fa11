"""The images of a prepared data set, by position: as pixels, or as encoded originals."""

import csv
import io
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kedja.bundle.inputs.image.features import of_sizes
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.inputs.input import Feed, Values
from kedja.data.kinds.image.near import can_be_compared, near_pairs
from kedja.data.kinds.image.perceptual import brightness, grid
from kedja.data.kinds.stored import Stored
from kedja.data.names import INDEX, SAMPLES
from kedja.data.preparation.originals import Originals

if TYPE_CHECKING:
    from kedja.data.audit.index import FullIndex
    from kedja.data.kinds.stored import Check

IMAGES = "images.npy"
# Coloured images whose shorter side is longer than this are photographs; smaller ones are icons, scans, CIFAR.
PHOTO_SIDE = 96
_SIDE = 16


class StoredImages(Stored):
    """Attributes:
    input: size, channels and resize policy.
    images: uint8 (N, H, W, C), memory-mapped read-only; None with ``storage: files``.
    """

    has_pixels: ClassVar[bool] = True

    def __init__(self, folder: Path, description: Mapping[str, Any]) -> None:
        self.folder, self._description = folder, description
        self.input: ImageSpec = ImageSpec.from_json(description["input"])
        self.images: NDArray[np.uint8] | None = None
        if description["storage"] == "arrays":
            self.images = np.load(folder / IMAGES, mmap_mode="r")
            expected = (description["examples"], *self.input.shape)
            if self.images.shape != expected or self.images.dtype != np.uint8:
                raise ValueError(f"{IMAGES} is {self.images.dtype} {self.images.shape}, not uint8 {expected}")

    def read(self, positions: NDArray[np.int64]) -> Feed:
        return self.input.feed(self.pixels(positions))

    def pixels(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Uint8 (n, H, W, C), whichever way they are stored."""
        if self.images is not None:
            return np.asarray(self.images[positions])
        decoded = [self.input.decode(self.encoded(int(position))).pixels for position in positions]
        return np.stack(decoded) if decoded else np.empty((0, *self.input.shape), np.uint8)

    def encoded(self, position: int) -> bytes:
        """An image as an encoded file: the original where it was kept, else a PNG of the pixels."""
        if self.images is None:
            return self._originals.read(position)
        sample = self._samples.get(position)
        if sample is not None:
            return sample.read_bytes()
        pixels = self.images[position]
        buffer = io.BytesIO()
        Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG")
        return buffer.getvalue()

    def facts(self, positions: NDArray[np.int64]) -> Values:
        return of_sizes(self.sizes[positions])

    def experiments(self) -> tuple[str, str]:
        side, channels = int(np.median(self.sizes.min(1))), self.input.channels
        shape = f"images of typically {side} pixels, {'grey' if channels == 1 else 'colour'}"
        return ("photos" if channels == 3 and side > PHOTO_SIDE else "digits"), shape

    @property
    def needs_features(self) -> bool:
        return self.experiments()[0] == "photos"

    def strangers(self) -> Mapping[str, Sequence[bytes]]:
        from kedja.data.kinds.image.strangers import strangers

        return strangers(self._description.get("source") or "")

    def near_pairs(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        if not can_be_compared(self.input):
            return super().near_pairs(positions)
        hashes, same = (self._column(name)[positions] for name in ("perceptual_hash", "pixel_hash"))
        numbers = np.unique(same, return_inverse=True)[1].astype(np.int64)
        return near_pairs(hashes, numbers, lambda rows: brightness(self.pixels(positions[rows])))

    def audit_checks(self) -> Sequence["Check"]:
        from kedja.data.kinds.image import audit

        return audit.wrong_suffixes, audit.blank_images

    def audit_facts(self, index: "FullIndex") -> dict[str, Any]:
        from kedja.data.kinds.image import audit

        more = {"mean": self._description["mean"], "std": self._description["std"]}
        return {"shape": list(self.input.shape), **audit.facts(index), **more}

    def audit_rows(self, facts: dict[str, Any]) -> dict[str, str]:
        from kedja.data.kinds.image import audit

        return audit.rows(facts)

    def picture(self, position: int, title: str) -> str:
        from kedja.data.kinds.image import audit

        return audit.picture(self.pixels(np.array([position]))[0], title)

    def explained(self, position: int, weights: list[Any] | None, name: str) -> str:
        from kedja.bundle.inputs.image.parts import overlay
        from kedja.data.kinds.image import audit

        if weights is None:
            return ""
        drawn = overlay(self.pixels(np.array([position]))[0], np.array(weights))
        return audit.picture(np.asarray(drawn), f"pink is what spoke for {name}")

    def small(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Small pictures, channel by channel."""
        rows = []
        side = min(_SIDE, self.input.height, self.input.width)
        for start in range(0, len(positions), 256):
            images = self.pixels(positions[start : start + 256])
            channels = [grid(images[..., [c]], side, side).reshape(len(images), -1) for c in range(images.shape[3])]
            rows.append(np.hstack(channels) / 65536)
        return np.concatenate(rows).astype(np.float64)

    def _column(self, name: str) -> NDArray[np.uint64]:
        """A column of hashes, uint64 (N,)."""
        with (self.folder / INDEX).open(newline="", encoding="utf-8") as file:
            return np.array([int(row[name], 16) for row in csv.DictReader(file)], np.uint64)

    @cached_property
    def sizes(self) -> NDArray[np.float64]:
        """Float64 (N, 2): width and height of the originals in pixels, before any EXIF rotation."""
        with (self.folder / INDEX).open(newline="", encoding="utf-8") as file:
            return np.array([(row["width"], row["height"]) for row in csv.DictReader(file)], np.float64)

    @cached_property
    def _originals(self) -> Originals:
        return Originals(self.folder)

    @cached_property
    def _samples(self) -> dict[int, Path]:
        # `<position>.<suffix>`, written by `kedja.data.preparation.writer`.
        return {int(path.stem): path for path in (self.folder / SAMPLES).glob("*.*")}
