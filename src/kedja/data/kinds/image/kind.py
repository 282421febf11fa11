"""Preparation of images: size and channels, decoding, near-duplicates, storage."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.data.kinds.image.choose import choose_spec, choose_storage
from kedja.data.kinds.image.decode import Plan, decode_chunk
from kedja.data.kinds.image.near import can_be_compared, near_pairs
from kedja.data.kinds.image.perceptual import CELLS
from kedja.data.kinds.image.statistics import statistics
from kedja.data.kinds.image.stored import IMAGES, StoredImages
from kedja.data.kinds.image.write import place_pixels, write_originals, write_samples
from kedja.data.kinds.kind import Chunk, Content, Kind, Result
from kedja.data.names import SAMPLES
from kedja.data.preparation.npy import create_npy, open_npy
from kedja.data.preparation.workspace import KEPT
from kedja.data.splits.shoots import by_look, by_record
from kedja.data.splits.units import connect, equal_pairs

# Of networks only training knows; called where it was asked for.
DESCRIBE = "kedja.training.probe.describe:describe"


class Images(Kind):
    """Pixels, or the encoded originals."""

    columns: ClassVar[Mapping[str, str]] = {
        "sha256": "TEXT",
        "width": "INTEGER",
        "height": "INTEGER",
        "format": "TEXT",
        "bytes": "INTEGER",
        "taken": "TEXT",
        "same": "INTEGER",
        "perceptual": "INTEGER",
        "sums": "TEXT",
    }
    identity: ClassVar[str] = "pixel_hash"
    index: ClassVar[Mapping[str, str]] = {
        "sha256": "sha256",
        "width": "width",
        "height": "height",
        "group": "grp",
        "format": "format",
        "bytes": "bytes",
        "pixel_hash": "printf('%016x', same)",
        "perceptual_hash": "printf('%016x', perceptual)",
    }
    schema_version: ClassVar[int] = 1
    input: ImageSpec

    @property
    def pixels(self) -> Path:
        """Takes the pixels of every image, where they are stored as such."""
        return self.workspace.folder / IMAGES

    @property
    def brightness(self) -> Path:
        """Takes a 16×16 picture of every image, for the search of near-duplicates."""
        return self.workspace.folder / "brightness.npy"

    def choose(self, count: int, contents: Iterator[Content]) -> None:
        self.input = choose_spec(self.source, self.settings, contents)
        self._storage = choose_storage(self.settings, self.input, count, encoded=self.source.tree is not None)

    def decoder(self, count: int) -> Callable[[Chunk], list[Result]]:
        pixels = None
        if self._storage == "arrays":
            if not self.pixels.exists():
                self.workspace.forget_all()
            pixels = create_npy(self.pixels, (count, *self.input.shape))
        brightness = create_npy(self.brightness, (count, CELLS))
        return partial(decode_chunk, Plan(self.input, pixels, brightness, self.settings.max_pixels))

    def near_pairs(self) -> NDArray[np.int64]:
        if not can_be_compared(self.input):
            return np.empty((0, 2), np.int64)
        positions = self.workspace.column("position", np.int64, KEPT)
        hashes = self.workspace.column("perceptual", np.int64, KEPT).view(np.uint64)
        same = np.unique(self.workspace.column("same", np.int64, KEPT), return_inverse=True)[1].astype(np.int64)
        cells = open_npy(self.brightness)
        return positions[near_pairs(hashes, same, lambda rows: cells[positions[rows]])]

    def shoots(self) -> list[str]:
        rows = list(self.workspace.rows("label, id, taken", KEPT))
        found = by_record(*(list(column) for column in zip(*rows, strict=True)))
        if self.settings.shoots != "look":
            return found
        positions = self.workspace.column("position", np.int64, KEPT)
        looks = by_look(self.workspace.column("class", np.int64, KEPT), self._looks(positions))
        recorded = np.array([shoot or f"alone {number}" for number, shoot in enumerate(found)])
        units = connect(len(looks), np.concatenate([equal_pairs(looks), equal_pairs(recorded)]))
        sizes = np.bincount(units, minlength=len(units))
        return [f"shoot of {rows[unit][1]}" if sizes[unit] > 1 else "" for unit in units]

    def _looks(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Features of a network that knows photographs."""
        found: NDArray[np.float32] = resolve_name(DESCRIBE)(self._read, positions, self.input)
        return found

    def _read(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Pixels while the data set is not written yet."""
        if self._storage == "arrays":
            return np.asarray(open_npy(self.pixels)[positions])
        tree = self.source.tree
        assert tree is not None
        paths = (self.workspace.rows("path", f"position = {position}") for position in positions.tolist())
        return np.stack([preprocess(tree.file(path).read_bytes(), self.input) for rows in paths for (path,) in rows])

    def write(self, folder: Path) -> None:
        tree = self.source.tree
        if self._storage == "arrays":
            place_pixels(self.workspace, self.pixels, folder / IMAGES)
            if tree is not None:
                write_samples(self.workspace, folder / SAMPLES, tree)
        else:
            assert tree is not None
            write_originals(self.workspace, folder, tree)

    def storage(self) -> dict[str, Any]:
        return {"storage": self._storage}

    def statistics(self) -> dict[str, Any]:
        return statistics(self.workspace.rows("sums", f"{KEPT} AND split = 0"), self.input)

    @classmethod
    def open(cls, folder: Path, description: Mapping[str, Any]) -> StoredImages:
        return StoredImages(folder, description)
