"""What a pretrained network made of a data set's examples, kept beside it. Training computes it (`training.probe`)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kedja.common.errors import KedjaError
from kedja.common.npz import read_arrays
from kedja.data.prepared import SPLITS, PreparedDataset

Chunk = tuple[NDArray[np.int64], NDArray[np.float32]]


def features_folder(data: PreparedDataset) -> Path:
    """Where those of every network lie, each in a folder `<version of the data>-<network>`."""
    return data.folder.parent / f".{data.folder.name}.features"


def version_of(data: PreparedDataset) -> str:
    """The beginning of the folders' names: features of other versions of the data are no longer its."""
    return data.hash[:8]


def read_chunk(path: Path) -> Chunk | None:
    """Positions int64 (n,) and features float32 (n, D) of a chunk; None where it is missing or damaged."""
    if not path.is_file():
        return None
    try:
        rows, values = read_arrays(path, "rows", "features", remedy="")
    except KedjaError:
        return None
    return (rows, values.astype(np.float32, copy=False)) if len(rows) == len(values) else None


def read_features(data: PreparedDataset) -> Chunk | None:
    """Of all examples but the test split's, by a network that saw them all; the last of several. None without one."""
    wanted = int((data.splits != SPLITS.index("test")).sum())
    folders = [one for one in features_folder(data).glob(f"{version_of(data)}-*") if one.is_dir()]
    for folder in sorted(folders, key=lambda one: one.stat().st_mtime, reverse=True):
        chunks = [chunk for path in sorted(folder.glob("*.npz")) if (chunk := read_chunk(path)) is not None]
        if chunks and sum(len(rows) for rows, _ in chunks) == wanted:
            return np.concatenate([rows for rows, _ in chunks]), np.concatenate([values for _, values in chunks])
    return None
