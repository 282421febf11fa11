"""A zip read in place: nothing is unpacked to disk, each worker process reads the images it is given.

Python's `zipfile` reads the directory of the archive. It would have to do so in every worker before it read a single
file, in memory that grows with their number; so a member carries its place and is read here
(the local header and the two customary methods of PKWARE's APPNOTE.TXT, sections 4.3.7 and 4.4.5).
"""

import errno
import os
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from kedja.bundle.inputs.image.preprocess import ImageError
from kedja.common.errors import KedjaError
from kedja.data.sources.files.archive import (
    FAILURES,
    MAX_MEMBERS,
    damaged,
    failure,
    ordinary_zip_members,
    safe,
    size_limit,
    too_large,
    too_many,
)
from kedja.data.sources.files.tree import Entries, File

# Signature, then what the directory of the archive says as well, then the lengths of the name and of extra fields.
_HEADER = struct.Struct("<4s22xHH")
_SIGNATURE = b"PK\3\4"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_RAW_DEFLATE = -15


class Member(NamedTuple):
    """One file of an archive.

    Attributes:
        start: first byte of its header.
        packed, unpacked: bytes in the archive and as a file.
        method, crc: as `zipfile` numbers the methods, and the CRC-32 of the file.
    """

    archive: Path
    name: str
    start: int
    packed: int
    unpacked: int
    method: int
    crc: int

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    def read_bytes(self) -> bytes:
        with self.archive.open("rb") as file:
            try:
                data = self._unpack(self._packed_bytes(file))
            except (ValueError, struct.error, zlib.error):
                data = b""
        if len(data) != self.unpacked or zlib.crc32(data) != self.crc:
            raise ImageError("corrupt", f"its bytes are damaged inside {self.archive.name}", "fetch the archive again")
        return data

    def _packed_bytes(self, file: BinaryIO) -> bytes:
        file.seek(self.start)
        signature, name, extra = _HEADER.unpack(file.read(_HEADER.size))
        if signature != _SIGNATURE:
            raise ValueError(signature)
        file.seek(name + extra, os.SEEK_CUR)
        return file.read(self.packed)

    def _unpack(self, packed: bytes) -> bytes:
        if self.method == zipfile.ZIP_STORED:
            return packed
        # No more than was claimed when the archive was judged, whatever comes out.
        return zlib.decompressobj(_RAW_DEFLATE).decompress(packed, self.unpacked + 1)

    def size(self) -> int:
        return self.unpacked

    def state(self) -> str:
        return f"{self.unpacked}\0{self.crc}"


class Missing(NamedTuple):
    """What an index file names and the archive does not hold."""

    suffix: str = ""

    def read_bytes(self) -> bytes:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def size(self) -> int:
        return 0

    def state(self) -> str:
        return "missing"


class Zip:
    """A tree over the files of a zip."""

    def __init__(
        self, archive: Path, members: dict[str, Member], folders: list[str], left_out: dict[str, str], below: str = ""
    ) -> None:
        """`folders` end in a slash; they matter where they are empty."""
        self._archive = archive
        self._members = members
        self._folders = folders
        self.left_out = left_out
        self._below = below
        self._entries = _by_folder(name.removeprefix(below) for name in (*members, *folders) if name.startswith(below))

    def __str__(self) -> str:
        return f"{self._archive}/{self._below}".rstrip("/")

    def entries(self, folder: str) -> Entries:
        return self._entries.get(folder, Entries([], [], {}))

    def inside(self, name: str) -> str | None:
        normal = posixpath.normpath(name.replace("\\", "/"))
        return None if normal.startswith(("/", "..")) else normal

    def has(self, name: str) -> bool:
        return self._below + posixpath.normpath(name) in self._members

    def file(self, name: str) -> File:
        return self._members.get(self._below + posixpath.normpath(name), Missing())

    def below(self, folder: str) -> "Zip":
        return Zip(self._archive, self._members, self._folders, {}, self._below + folder)


def open_zip(archive: Path, encoding: str = "") -> Zip | None:
    """`archive` as a tree; None where a file in it is packed by a rare method, which `unpack` knows.

    Args:
        encoding: of names that are no UTF-8.

    Raises:
        KedjaError: it is damaged or encrypted, a path in it leaves its folder or is no text, or it unpacks to
            unreasonably much.
    """
    members: dict[str, Member] = {}
    folders: list[str] = []
    left_out: dict[str, str] = {}
    left = size_limit(archive)
    try:
        with zipfile.ZipFile(archive) as opened:
            for written, info in ordinary_zip_members(opened, encoding, left_out):
                if info.is_dir():
                    folders.append(f"{safe(written, archive).as_posix()}/")
                    continue
                if info.compress_type not in _METHODS:
                    return None
                if info.flag_bits & 1:
                    raise damaged(archive, f"{info.filename} is encrypted")
                if info.header_offset < 0:
                    raise damaged(archive, f"{info.filename} lies outside of it")
                name = safe(written, archive).as_posix()
                if name in members:
                    raise KedjaError(f"{archive} holds {name} twice")
                if len(members) == MAX_MEMBERS:
                    raise too_many(archive)
                left -= info.file_size
                if left < 0:
                    raise too_large(archive)
                members[name] = Member(
                    archive,
                    name,
                    info.header_offset,
                    info.compress_size,
                    info.file_size,
                    info.compress_type,
                    info.CRC,
                )
    except FAILURES as error:
        raise failure(archive, "read", error) from None
    return Zip(archive, members, folders, left_out)


def _by_folder(names: Iterable[str]) -> dict[str, Entries]:
    """Folder → sorted names of the files and the folders right inside it."""
    found = {"": Entries([], [], {})}
    for path in names:
        *folders, name = path.split("/")
        above = ""
        for folder in folders:
            inner = f"{above}{folder}/"
            if inner not in found:
                found[inner] = Entries([], [], {})
                found[above].folders.append(folder)
            above = inner
        if name:
            found[above].files.append(name)
    for files, folders, _ in found.values():
        files.sort()
        folders.sort()
    return found
