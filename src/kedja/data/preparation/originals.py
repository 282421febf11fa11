"""Encoded originals in a few large files: tar shards that any tool opens, read here by offset.

One file an image would make DVC slow and file systems unhappy.
"""

import io
import tarfile
from array import array
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from kedja.common.errors import KedjaError

FOLDER = "originals"
OFFSETS = "offsets.npy"
SHARD_BYTES = 256 * 2**20


class Originals:
    """Reads the originals of a prepared data set; safe to use from several processes and threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        path = self._folder / OFFSETS
        try:
            # int64 (N, 3): number of the shard, first byte, number of bytes.
            self._offsets: NDArray[np.int64] = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise KedjaError(
                f"{path} is damaged: {type(error).__name__}: {error}", f"make it with `just data data={folder.name}`"
            ) from None

    def __len__(self) -> int:
        return len(self._offsets)

    def read(self, position: int) -> bytes:
        """The encoded bytes of one image, verbatim."""
        shard, start, size = (int(value) for value in self._offsets[position])
        with (self._folder / shard_name(shard)).open("rb") as file:
            file.seek(start)
            return file.read(size)


class OriginalsWriter:
    """Appends originals in the order of the index; bit-identical whenever the input is."""

    def __init__(self, folder: Path, shard_bytes: int = SHARD_BYTES) -> None:
        self._folder = folder / FOLDER
        self._folder.mkdir()
        self._shard_bytes = shard_bytes
        self._offsets = array("q")
        self._shard = -1
        self._tar: tarfile.TarFile | None = None

    def __enter__(self) -> "OriginalsWriter":
        return self

    def append(self, data: bytes, suffix: str) -> None:
        """Add one image; `suffix` with its dot, for people who open the shard."""
        if self._tar is None or self._tar.offset >= self._shard_bytes:
            self._open_next()
        assert self._tar is not None
        # A fresh TarInfo has time, owner and mode fixed; the name is short, so the header is one block.
        member = tarfile.TarInfo(f"{len(self._offsets) // 3:08d}{suffix[:16]}")
        member.size = len(data)
        start = self._tar.offset + tarfile.BLOCKSIZE
        self._tar.addfile(member, io.BytesIO(data))
        self._offsets.extend((self._shard, start, len(data)))

    def _open_next(self) -> None:
        if self._tar is not None:
            self._tar.close()
        self._shard += 1
        self._tar = tarfile.open(self._folder / shard_name(self._shard), "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 -- closed by _open_next or __exit__

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tar is not None:
            self._tar.close()
        if error is None:
            np.save(self._folder / OFFSETS, np.array(self._offsets, np.int64).reshape(-1, 3))


def shard_name(number: int) -> str:
    return f"{number:04d}.tar"
