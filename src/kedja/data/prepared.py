"""A prepared data set `data/<name>/`: what every later link of the chain reads."""

import csv
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed, Input
from kedja.common.errors import KedjaError, nearest
from kedja.common.files import read_json
from kedja.data.kinds.registry import kind_type
from kedja.data.kinds.stored import Stored
from kedja.data.names import INDEX
from kedja.data.versions.folder_hash import hash_folder

if TYPE_CHECKING:
    from kedja.bundle.inputs.image.spec import ImageSpec
    from kedja.data.kinds.image.stored import StoredImages

SCHEMA_VERSION = 2
# What version 1 called `input` and `examples`. Images are still written as it says: a data set's hash names runs.
VERSION_1 = {"image": "input", "images": "examples"}
DATASET = "dataset.json"
REJECTED = "rejected.csv"
# A folder with none of these is no data set.
FILES = (DATASET, INDEX)
SPLITS = ("train", "val", "test")
MAX_SAMPLES = 32


@dataclass(frozen=True)
class PreparedDataset:
    """Attributes:
    folder: where it lies.
    description: what `read_description` gives.
    stored: the examples.
    labels: int64 (N,), positions in `classes`.
    ids: N unique names.
    paths: N paths within the source, empty where it has none.
    splits: int8 (N,), positions in `SPLITS`.
    """

    folder: Path
    description: dict[str, Any]
    stored: Stored
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

    @property
    def kind(self) -> str:
        return self.input.kind

    @property
    def input(self) -> Input:
        """What every example became."""
        return self.stored.input

    @property
    def spec(self) -> "ImageSpec":
        """`input`, of images."""
        return cast("StoredImages", self.stored).input

    @property
    def images(self) -> NDArray[np.uint8] | None:
        """Of images: uint8 (N, H, W, C), memory-mapped read-only; None with ``storage: files``."""
        return cast("StoredImages", self.stored).images

    def pixels(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Of images: uint8 (n, H, W, C), whichever way they are stored."""
        return cast("StoredImages", self.stored).pixels(positions)

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
        facts = {"name": self.name, "hash": self.hash, "classes": self.classes, "kind": self.kind}
        learnt = {key: self.description[key] for key in ("mean", "std", "quantiles") if key in self.description}
        return facts | {"input": self.input.to_json()} | learnt

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

    def read(self, positions: NDArray[np.int64]) -> Feed:
        """Examples as the graph takes them."""
        return self.stored.read(positions)

    def encoded(self, position: int) -> bytes:
        """An example as a file that `input.decode` reads: the original where it was kept."""
        return self.stored.encoded(position)

    def sample_indices(self) -> NDArray[np.int64]:
        """Up to 32 validation images for golden examples: every class once, then again, in turn."""
        return choose_samples(self.split("val"), self.labels)


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
    description = read_description(folder)
    try:
        return _open(folder, description)
    except (OSError, ValueError, KeyError, EOFError) as error:
        remedy = f"make it with `just data data={folder.name}`"
        raise KedjaError(f"the data set {folder}/ is damaged: {type(error).__name__}: {error}", remedy) from None


def _open(folder: Path, description: dict[str, Any]) -> PreparedDataset:
    ids, paths, splits, labels = _read_index(folder / INDEX)
    if len(ids) != description["examples"]:
        raise ValueError(f"{INDEX} has {len(ids)} rows, {DATASET} says {description['examples']}")
    stored = kind_type(description["kind"]).open(folder, description)
    return PreparedDataset(folder, description, stored, labels, ids, paths, splits)


def read_description(folder: Path) -> dict[str, Any]:
    """The content of `dataset.json`; one of version 1, which knew images alone, in the words of version 2.

    Raises:
        KedjaError: no data set there, or it is of another version.
    """
    remedy = f"make it with `just data data={folder.name}`"
    if not (folder / DATASET).is_file():
        raise KedjaError(f"there is no prepared data set at {folder}/ (no {DATASET})", remedy)
    description: dict[str, Any] = read_json(folder / DATASET)
    version = description.get("schema_version")
    if version not in (1, SCHEMA_VERSION):
        raise KedjaError(f"{folder / DATASET} has schema version {version}, this code reads {SCHEMA_VERSION}", remedy)
    return {VERSION_1.get(key, key) if version == 1 else key: value for key, value in description.items()}


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
