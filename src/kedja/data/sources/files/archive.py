"""Archives judged, and unpacked where they are not read in place: no path leaves the folder, sizes are limited.

A tar has no directory and is usually compressed as one piece: to read one image means to read all before it,
so what preparation reads several times, in several processes, is unpacked first.
"""

import bz2
import errno
import gzip
import json
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
from kedja.common.progress import Progress
from kedja.data.sources.files.tree import HIDDEN, IGNORED, NO_FILE, SYSTEM, UNPACKED, printable

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MAX_MEMBERS = 20_000_000
# Images hardly compress: an archive that grows a hundredfold beyond its first gigabyte is no data set.
MAX_RATIO = 100
RATIO_FROM = 2**30
_KEEP_FREE = 2**30
_BLOCK = 2**20
_UTF8_FLAG = 0x800
LINK = "links inside the archive"
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

# Name inside the archive, how to open it; None of a folder.
Member = tuple[str, Callable[[], IO[bytes]] | None]


def unpack(archive: Path, folder: Path, encoding: str = "") -> Path:
    """Unpack `archive` to `folder`, unless an earlier run did so.

    Args:
        encoding: of names that are no UTF-8.

    Raises:
        KedjaError: it is damaged or encrypted, a path in it leaves the folder or is no text, or it is unreasonably
            large.
    """
    status = archive.stat()
    state = f"{archive.name} {status.st_size} {status.st_mtime_ns} {encoding}".rstrip()
    mark = folder / UNPACKED
    if mark.is_file() and mark.read_text(encoding="utf-8").partition("\n")[0] == state:
        return folder
    limit = min(size_limit(archive), _free_space(folder))
    try:
        with replacing_directory(folder, UNPACKED) as fresh:
            left_out = _write_all(archive, fresh, limit, encoding)
            write_text(fresh / UNPACKED, f"{state}\n{json.dumps(left_out)}")
    except FAILURES as error:
        raise failure(archive, f"unpacked to {folder}/", error) from None
    return folder


def left_out_of(folder: Path) -> dict[str, str]:
    """Name → reason of what the archive that was unpacked to `folder` held besides."""
    found: dict[str, str] = json.loads((folder / UNPACKED).read_text(encoding="utf-8").partition("\n")[2])
    return found


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


def _write_all(archive: Path, folder: Path, limit: int, encoding: str) -> dict[str, str]:
    """What was left out: name → reason."""
    written = 0
    left_out: dict[str, str] = {}
    with Progress(f"unpacking {archive.name}", 0, "files") as progress:
        for number, (name, opened) in enumerate(_members(archive, encoding, left_out)):
            if number >= MAX_MEMBERS:
                raise too_many(archive)
            target = folder / safe(name, archive)
            (target.parent if opened else target).mkdir(parents=True, exist_ok=True)
            if opened is None:
                continue
            try:
                with opened() as source, target.open("xb") as file:
                    written += _copy(source, file, limit - written, archive)
            except FileExistsError:
                raise KedjaError(f"{archive} holds {name} twice") from None
            progress.advance(1)
    return left_out


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


def _members(archive: Path, encoding: str, left_out: dict[str, str]) -> Iterator[Member]:
    # An .npz is a zip by another name.
    if archive.suffix.lower() in (".zip", ".npz"):
        yield from _zip_members(archive, encoding, left_out)
    else:
        yield from _tar_members(archive, encoding, left_out)


def _zip_members(archive: Path, encoding: str, left_out: dict[str, str]) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as opened:
        for name, info in ordinary_zip_members(opened, encoding, left_out):
            yield name, None if info.is_dir() else lambda info=info: opened.open(info)  # type: ignore[misc]


def ordinary_zip_members(
    opened: zipfile.ZipFile, encoding: str, left_out: dict[str, str]
) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """The files and folders of a zip by their names; hidden ones and links go to `left_out`."""
    archive = Path(opened.filename or "")
    for info in opened.infolist():
        name = _zip_name(info, encoding, archive)
        if reason := LINK if stat.S_ISLNK(info.external_attr >> 16) else _clutter(name):
            # A folder is no file: those inside it are counted.
            left_out |= {} if info.is_dir() else {PurePosixPath(name).as_posix(): reason}
        else:
            yield name, info


def _zip_name(info: zipfile.ZipInfo, encoding: str, archive: Path) -> str:
    """The name of a member: UTF-8 where it is, else as stated; what writes zips often says neither."""
    if info.flag_bits & _UTF8_FLAG or info.filename.isascii():
        return info.filename
    # zipfile takes names without the flag for code page 437, unless a field beside the name says it in Unicode.
    try:
        name = info.filename.encode("cp437")
    except UnicodeEncodeError:
        return info.filename
    for candidate in ("utf-8", encoding):
        try:
            return name.decode(candidate or "ascii")
        except UnicodeDecodeError:
            continue
    raise _no_text(archive, name.decode("ascii", "backslashreplace"))


def _no_text(archive: Path, name: str) -> KedjaError:
    return KedjaError(
        f"{archive}: the name {name} is no UTF-8, and the archive does not say what it is",
        "encoding=cp850 (Western Windows), cp437, cp932 (Japanese), gbk (Chinese), cp866 (Russian): whichever made it",
    )


def _tar_members(archive: Path, encoding: str, left_out: dict[str, str]) -> Iterator[Member]:
    with _decompressed(archive) as stream:
        # A stream: members come in the order of the file, without seeking back and forth.
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_CheckedInfo, encoding=encoding or "utf-8") as opened:
            for info in opened:
                if (shown := printable(info.name)) != info.name:
                    raise _no_text(archive, shown)
                if reason := _clutter(info.name) or ("" if info.isreg() or info.isdir() else NO_FILE):
                    reason = LINK if info.issym() or info.islnk() else reason
                    left_out |= {} if info.isdir() else {PurePosixPath(info.name).as_posix(): reason}
                elif info.isdir():
                    if PurePosixPath(info.name).parts:
                        yield info.name, None
                else:
                    member = opened.extractfile(info)
                    assert member is not None
                    yield info.name, lambda member=member: member  # type: ignore[misc]
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


def _clutter(name: str) -> str:
    """Why a member is left out by its name, empty where it is not."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if any(part in IGNORED for part in parts):
        return SYSTEM
    return HIDDEN if any(part.startswith(".") and part not in (".", "..") for part in parts) else ""
