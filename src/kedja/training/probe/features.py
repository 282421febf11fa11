"""Features of a data set's images under a frozen network: computed once, kept beside the data set.

`data/.<name>.features/<data>-<network>/<chunk>.npz`: another version of the images, or of the network, is another
folder. A chunk is written whole or not at all and carries checksums, so what was interrupted goes on, and what was
damaged is computed again.
"""

import io
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kedja.common.errors import KedjaError
from kedja.common.files import write_bytes
from kedja.common.locks import locked
from kedja.common.npz import read_arrays
from kedja.common.progress import Progress
from kedja.data.prepared import SPLITS, PreparedDataset
from kedja.training.probe.frozen import Frozen

CHUNK = 128
TEST = SPLITS.index("test")


def features(network: Frozen, data: PreparedDataset, positions: NDArray[np.int64]) -> NDArray[np.float32]:
    """float32 (n, D) of the images at `positions`, none of which is a test image: those are looked at once, at the end.

    The first call computes those of all images but the test split's.
    """
    folder = _folder(network, data)
    with locked(folder.with_suffix(".lock")):
        found = _read_or_compute(network, data, folder)
    rows = np.concatenate([rows for rows, _ in found])
    order = np.argsort(rows)
    rows, values = rows[order], np.concatenate([values for _, values in found])[order]
    places = np.searchsorted(rows, positions)
    assert (rows[np.minimum(places, len(rows) - 1)] == positions).all(), "test images have no features"
    chosen: NDArray[np.float32] = values[places]
    return chosen


def _folder(network: Frozen, data: PreparedDataset) -> Path:
    """Where they lie; those of earlier versions of the images are removed."""
    version = data.hash[:8]
    everything = data.folder.parent / f".{data.folder.name}.features"
    for other in everything.glob("*"):
        if not other.name.startswith(version):
            shutil.rmtree(other, ignore_errors=True) if other.is_dir() else other.unlink(missing_ok=True)
    return everything / f"{version}-{network.fingerprint}"


def _read_or_compute(
    network: Frozen, data: PreparedDataset, folder: Path
) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    wanted = network.ordered(data, np.flatnonzero(data.splits != TEST).astype(np.int64))
    chunks = np.split(wanted, range(CHUNK, len(wanted), CHUNK))
    stored = [_read(folder / f"{number:05}.npz", rows) for number, rows in enumerate(chunks)]
    missing = [number for number, values in enumerate(stored) if values is None]
    if missing:
        done = len(wanted) - sum(len(chunks[number]) for number in missing)
        with Progress("computing features", len(wanted), data.input.nouns, done=done) as progress:
            for number, images in network.ahead(data, [(number, chunks[number]) for number in missing]):
                stored[number] = network(images)
                write_bytes(folder / f"{number:05}.npz", _npz(chunks[number], stored[number]))
                progress.advance(len(images))
    return [(rows, values) for rows, values in zip(chunks, stored, strict=True) if values is not None]


def _read(path: Path, rows: NDArray[np.int64]) -> NDArray[np.float32] | None:
    if not path.is_file():
        return None
    try:
        stored, values = read_arrays(path, "rows", "features", remedy="")
    except KedjaError:
        return None
    fits = np.array_equal(stored, rows) and len(values) == len(rows)
    return values.astype(np.float32, copy=False) if fits else None


def _npz(rows: NDArray[np.int64], values: NDArray[np.float32] | None) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, rows=rows, features=np.asarray(values))
    return buffer.getvalue()
