"""Archives judged, and unpacked where they are not read in place: no path leaves the folder, sizes are limited.

A tar has no directory and is usually compressed as one piece: to read one image means to read all before it,
so what preparation reads several times, in several processes, is unpacked first.
"""

import bz2
import errno
import gzip
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from kedja.common.errors import KedjaError
from kedja.common.files import replacing_directory, write_text
from kedja.common.progress import Progress, say

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MAX_MEMBERS = 20_000_000
# Images hardly compress: an archive that grows a hundredfold beyond its first gigabyte is no data set.
MAX_RATIO = 100
RATIO_FROM = 2**30
_KEEP_FREE = 2**30
_BLOCK = 2**20
_MARK = ".unpacked"
# What the standard library raises where an archive is not what it should be; its own errors of reading and
# writing among them (`failure` tells them apart), and what its parsers stumble over (names, sizes, lengths).
FAILURES = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    IndexError,
)
_COMPRESSIONS: dict[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": gzip.open,  # type: ignore[dict-item]
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}

# Name inside the archive, number of bytes it claims, how to open it.
Member = tuple[str, int, Callable[[], IO[bytes]]]


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack `archive` to `folder`, unless an earlier run did so.

    Raises:
        KedjaError: it is damaged or encrypted, a path in it leaves the folder, or it is unreasonably large.
    """
    status = archive.stat()
    state = f"{archive.name} {status.st_size} {status.st_mtime_ns}"
    mark = folder / _MARK
    if mark.is_file() and mark.read_text(encoding="utf-8") == state:
        return folder
    limit = min(size_limit(archive), _free_space(folder))
    try:
        with replacing_directory(folder, _MARK) as fresh:
            _write_all(archive, fresh, limit)
            write_text(fresh / _MARK, state)
    except FAILURES as error:
        raise failure(archive, f"unpacked to {folder}/", error) from None
    return folder


def failure(archive: Path, task: str, error: Exception) -> KedjaError:
    """What one of `FAILURES` means: the system's refusal to do the task (`read`, …), or else damage."""
    if isinstance(error, OSError) and error.errno is not None and error.errno != errno.EINVAL:
        return KedjaError(f"{archive} cannot be {task}: {error.strerror}")
    return damaged(archive, error)


def damaged(archive: Path, why: object) -> KedjaError:
    return KedjaError(f"{archive} is damaged or encrypted: {why}", "fetch it again")


def too_large(archive: Path) -> KedjaError:
    return KedjaError(
        f"{archive} unpacks to more than its size or the free disk space allows", "unpack it by hand if it is right"
    )


def too_many(archive: Path) -> KedjaError:
    return KedjaError(f"{archive} holds more than {MAX_MEMBERS:,} files")


def _write_all(archive: Path, folder: Path, limit: int) -> None:
    written = 0
    with Progress(f"unpacking {archive.name}", 0, "files") as progress:
        for number, (name, _, opened) in enumerate(_members(archive)):
            if number >= MAX_MEMBERS:
                raise too_many(archive)
            target = folder / safe(name, archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with opened() as source, target.open("xb") as file:
                    written += _copy(source, file, limit - written, archive)
            except FileExistsError:
                raise KedjaError(f"{archive} holds {name} twice") from None
            progress.advance(1)


def _copy(source: IO[bytes], target: IO[bytes], left: int, archive: Path) -> int:
    """Bytes are counted as they come: what an archive claims of its sizes may be a lie."""
    written = 0
    while block := source.read(_BLOCK):
        written += len(block)
        if written > left:
            raise too_large(archive)
        target.write(block)
    return written


def size_limit(archive: Path) -> int:
    """Bytes that an archive of its size may unpack to."""
    return max(RATIO_FROM, archive.stat().st_size * MAX_RATIO)


def _free_space(folder: Path) -> int:
    folder.parent.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(folder.parent).free - _KEEP_FREE


def safe(name: str, archive: Path) -> PurePosixPath:
    """The path of a member.

    Raises:
        KedjaError: it leads outside the folder that the archive stands for.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or ":" in path.parts[0] or "\0" in name:
        raise KedjaError(f"{archive} holds the path {name!r}, which leaves its folder", "do not use this archive")
    return path


def _members(archive: Path) -> Iterator[Member]:
    # An .npz is a zip by another name.
    if archive.suffix.lower() in (".zip", ".npz"):
        yield from _zip_members(archive)
    else:
        yield from _tar_members(archive)


def _zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as opened:
        for info in ordinary_zip_members(opened):
            yield info.filename, info.file_size, lambda info=info: opened.open(info)  # type: ignore[misc]


def ordinary_zip_members(opened: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """The files of a zip; hidden ones left out silently, links with a note."""
    for info in opened.infolist():
        if info.is_dir() or _is_clutter(info.filename):
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            say(f"note: {info.filename} in {Path(opened.filename or '').name} is a link; left out")
            continue
        yield info


def _tar_members(archive: Path) -> Iterator[Member]:
    with _decompressed(archive) as stream:
        # A stream: members come in the order of the file, without seeking back and forth.
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_CheckedInfo) as opened:
            for info in opened:
                if info.isdir() or _is_clutter(info.name):
                    continue
                if not info.isreg():
                    say(f"note: {info.name} in {archive.name} is no ordinary file; left out")
                    continue
                member = opened.extractfile(info)
                assert member is not None
                yield info.name, info.size, lambda member=member: member  # type: ignore[misc]
        # The checksum of a compressed file stands at its end, behind what a tar needs.
        while stream.read(_BLOCK):
            pass


def _decompressed(archive: Path) -> IO[bytes]:
    """By its first bytes, whatever its name. Not left to tarfile, whose streams ignore the checksum of gzip."""
    with archive.open("rb") as file:
        start = file.read(6)
    for magic, opener in _COMPRESSIONS.items():
        if start.startswith(magic):
            return opener(archive)
    return archive.open("rb")


class _CheckedInfo(tarfile.TarInfo):
    """tarfile takes a damaged header for the end of the archive, and silently leaves out what follows."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "_CheckedInfo":
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from None


def _is_clutter(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return "__MACOSX" in parts or any(part.startswith(".") and part not in (".", "..") for part in parts)
