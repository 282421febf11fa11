"""A prepared data set `data/<name>/`: what every later link of the chain reads."""

import csv
import io
from array import array
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kedja.bundle.image_spec import ImageSpec
from kedja.common.errors import KedjaError, nearest
from kedja.common.files import read_json
from kedja.data.preparation.originals import Originals
from kedja.data.versions.folder_hash import hash_folder

SCHEMA_VERSION = 1
DATASET = "dataset.json"
INDEX = "index.csv"
IMAGES = "images.npy"
REJECTED = "rejected.csv"
SAMPLES = "samples"
# A folder with none of these is no data set.
FILES = (DATASET, INDEX, IMAGES)
SPLITS = ("train", "val", "test")
MAX_SAMPLES = 32


@dataclass(frozen=True)
class PreparedDataset:
    """Attributes:
    folder: where it lies.
    description: the content of `dataset.json`.
    images: uint8 (N, H, W, C), memory-mapped read-only; None with ``storage: files``.
    labels: int64 (N,), positions in `classes`.
    ids: N unique names.
    paths: N paths within the source, empty where it has none.
    splits: int8 (N,), positions in `SPLITS`.
    """

    folder: Path
    description: dict[str, Any]
    images: NDArray[np.uint8] | None
    labels: NDArray[np.int64]
    ids: list[str]
    paths: list[str]
    splits: NDArray[np.int8]

    @property
    def name(self) -> str:
        return str(self.description["name"])

    @property
    def classes(self) -> list[str]:
        return list(self.description["classes"])

    @cached_property
    def spec(self) -> ImageSpec:
        return ImageSpec.from_json(self.description["image"])

    @property
    def mean(self) -> list[float]:
        """Per channel over the training split, pixels in 0…1."""
        return list(self.description["mean"])

    @property
    def std(self) -> list[float]:
        """Per channel over the training split, pixels in 0…1."""
        return list(self.description["std"])

    @property
    def facts(self) -> dict[str, Any]:
        """What a run records: enough to rebuild its model without the data set."""
        facts = {"name": self.name, "hash": self.hash, "classes": self.classes, "image": self.spec.to_json()}
        return facts | {"mean": self.mean, "std": self.std}

    @property
    def storage(self) -> str:
        """``arrays`` or ``files``."""
        return str(self.description["storage"])

    @property
    def hash(self) -> str:
        """What DVC says of the folder, for example ``d41d8cd98f00b204e9800998ecf8427e.dir``."""
        return hash_folder(self.folder).hash

    def __len__(self) -> int:
        return len(self.labels)

    def split(self, name: str) -> NDArray[np.int64]:
        """Positions of the images of ``train``, ``val`` or ``test``, ascending; empty where there are none."""
        if name not in SPLITS:
            raise KedjaError(f"there is no split {name!r}", nearest(name, list(SPLITS)))
        return np.flatnonzero(self.splits == SPLITS.index(name)).astype(np.int64)

    def encoded(self, position: int) -> bytes:
        """An image as an encoded file: the original where it was kept, else a PNG of the pixels."""
        if self.originals is not None:
            return self.originals.read(position)
        sample = self._samples.get(position)
        if sample is not None:
            return sample.read_bytes()
        assert self.images is not None
        pixels = self.images[position]
        buffer = io.BytesIO()
        Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG")
        return buffer.getvalue()

    def sample_indices(self) -> NDArray[np.int64]:
        """Up to 32 validation images for golden examples: every class once, then again, in turn."""
        return choose_samples(self.split("val"), self.labels)

    @cached_property
    def sizes(self) -> NDArray[np.float64]:
        """Float64 (N, 2): width and height of the originals in pixels, before any EXIF rotation."""
        with (self.folder / INDEX).open(newline="", encoding="utf-8") as file:
            return np.array([(row["width"], row["height"]) for row in csv.DictReader(file)], np.float64)

    @cached_property
    def originals(self) -> Originals | None:
        """The encoded originals, with ``storage: files``."""
        return Originals(self.folder) if self.storage == "files" else None

    @cached_property
    def _samples(self) -> dict[int, Path]:
        # `<position>.<suffix>`, written by `kedja.data.preparation.writer`.
        return {int(path.stem): path for path in (self.folder / SAMPLES).glob("*.*")}


def choose_samples(candidates: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Up to 32 of `candidates`: the first image of every class, then the second of every class, and so on."""
    turn = np.zeros(len(candidates), np.int64)
    for label in np.unique(labels[candidates]):
        of_class = labels[candidates] == label
        turn[of_class] = np.arange(of_class.sum())
    order = np.lexsort((labels[candidates], turn))
    return np.sort(candidates[order[:MAX_SAMPLES]])


def load(folder: Path) -> PreparedDataset:
    """Open a prepared data set; pixels are mapped, not read.

    Raises:
        KedjaError: no data set there, or its files do not fit each other.
    """
    remedy = f"make it with `just data name={folder.name}`"
    if not (folder / DATASET).is_file():
        raise KedjaError(f"there is no prepared data set at {folder}/ (no {DATASET})", remedy)
    description = read_json(folder / DATASET)
    if description.get("schema_version") != SCHEMA_VERSION:
        raise KedjaError(
            f"{folder / DATASET} has schema version {description.get('schema_version')}, this code reads "
            f"{SCHEMA_VERSION}",
            remedy,
        )
    try:
        return _open(folder, description)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise KedjaError(f"the data set {folder}/ is damaged: {type(error).__name__}: {error}", remedy) from None


def _open(folder: Path, description: dict[str, Any]) -> PreparedDataset:
    ids, paths, splits, labels = _read_index(folder / INDEX)
    images = None
    if description["storage"] == "arrays":
        images = np.load(folder / IMAGES, mmap_mode="r")
        expected = (len(ids), *ImageSpec.from_json(description["image"]).shape)
        if images.shape != expected or images.dtype != np.uint8:
            raise ValueError(f"{IMAGES} is {images.dtype} {images.shape}, not uint8 {expected}")
    if len(ids) != description["images"]:
        raise ValueError(f"{INDEX} has {len(ids)} rows, {DATASET} says {description['images']}")
    return PreparedDataset(folder, description, images, labels, ids, paths, splits)


def _read_index(path: Path) -> tuple[list[str], list[str], NDArray[np.int8], NDArray[np.int64]]:
    ids: list[str] = []
    paths: list[str] = []
    # Compact while reading: a large index must not pass through millions of Python numbers.
    labels, splits = array("q"), array("b")
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        name, split, label, place = (header.index(column) for column in ("id", "split", "label", "path"))
        for row in rows:
            ids.append(row[name])
            # Paths mostly are the ids: one string for both halves the memory.
            paths.append(row[name] if row[place] == row[name] else row[place])
            splits.append(SPLITS.index(row[split]))
            labels.append(int(row[label]))
    return ids, paths, np.array(splits, np.int8), np.array(labels, np.int64)
