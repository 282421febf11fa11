"""Features of a data set's images under a frozen network: computed once, kept beside the data set.

`data/.<name>.features/<data>-<network>/<chunk>.npz`: another version of the images, or of the network, is another
folder. A chunk is written whole or not at all and carries checksums, so what was interrupted goes on, and what was
damaged is computed again.
"""

import hashlib
import io
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from kedja.common.files import write_bytes
from kedja.common.locks import locked
from kedja.common.progress import Progress
from kedja.data.features import features_folder, read_chunk, version_of
from kedja.data.prepared import SPLITS, PreparedDataset
from kedja.training.augment.augment import augment
from kedja.training.config.schema import AugmentConfig
from kedja.training.loop.seeding import generator_for
from kedja.training.probe.frozen import Frozen

CHUNK = 128
TEST = SPLITS.index("test")


@dataclass(frozen=True)
class View:
    """Images as augmentation shows them once.

    Attributes:
        config: what varies; each image by itself.
        seed, number: of the run, and of this look at its images: with the chunk they decide every random number.
    """

    config: AugmentConfig
    seed: int
    number: int

    def __call__(self, images: NDArray[np.uint8], chunk: int) -> NDArray[np.uint8]:
        drawn = generator_for("cpu", self.seed, "view", self.number, chunk)
        varied = augment(torch.from_numpy(images), self.config, drawn)
        shown: NDArray[np.uint8] = (255 * varied).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        return shown


def features(
    network: Frozen, data: PreparedDataset, positions: NDArray[np.int64], view: View | None = None
) -> NDArray[np.float32]:
    """float32 (n, D) of the images at `positions`, none of which is a test image: those are looked at once, at the end.

    The first call computes those of all images but the test split's; of a view, those of `positions` alone.
    """
    wanted = positions if view else network.ordered(data, np.flatnonzero(data.splits != TEST).astype(np.int64))
    folder = _folder(network, data)
    if view:
        digest = hashlib.sha256(repr(view).encode() + positions.tobytes()).hexdigest()[:16]
        folder = folder.with_name(f"{folder.name}-{digest}")
    with locked(folder.with_suffix(".lock")):
        found = _read_or_compute(network, data, folder, wanted, view)
    rows = np.concatenate([rows for rows, _ in found])
    order = np.argsort(rows)
    rows, values = rows[order], np.concatenate([values for _, values in found])[order]
    places = np.searchsorted(rows, positions)
    assert (rows[np.minimum(places, len(rows) - 1)] == positions).all(), "test images have no features"
    chosen: NDArray[np.float32] = values[places]
    return chosen


def _folder(network: Frozen, data: PreparedDataset) -> Path:
    """Where they lie; those of earlier versions of the images are removed."""
    version, everything = version_of(data), features_folder(data)
    for other in everything.glob("*"):
        if not other.name.startswith(version):
            shutil.rmtree(other, ignore_errors=True) if other.is_dir() else other.unlink(missing_ok=True)
    return everything / f"{version}-{network.fingerprint}"


def _read_or_compute(
    network: Frozen, data: PreparedDataset, folder: Path, wanted: NDArray[np.int64], view: View | None
) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    chunks = np.split(wanted, range(CHUNK, len(wanted), CHUNK))
    stored = [_read(folder / f"{number:05}.npz", rows) for number, rows in enumerate(chunks)]
    missing = [number for number, values in enumerate(stored) if values is None]
    if missing:
        done = len(wanted) - sum(len(chunks[number]) for number in missing)
        what = f"computing features of view {view.number + 1}" if view else "computing features"
        with Progress(what, len(wanted), data.input.nouns, done=done) as progress:
            for number, images in network.ahead(data, [(number, chunks[number]) for number in missing]):
                stored[number] = network(view(images, number) if view else images)
                write_bytes(folder / f"{number:05}.npz", _npz(chunks[number], stored[number]))
                progress.advance(len(images))
    return [(rows, values) for rows, values in zip(chunks, stored, strict=True) if values is not None]


def _read(path: Path, rows: NDArray[np.int64]) -> NDArray[np.float32] | None:
    chunk = read_chunk(path)
    return chunk[1] if chunk is not None and np.array_equal(chunk[0], rows) else None


def _npz(rows: NDArray[np.int64], values: NDArray[np.float32] | None) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, rows=rows, features=np.asarray(values))
    return buffer.getvalue()
