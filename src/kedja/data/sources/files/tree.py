"""Where the files of a source lie: in a folder, or in an archive that is read in place.

Names are relative to the tree and written with slashes; a folder's name ends in one, the top is the empty name.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePath
from typing import NamedTuple, Protocol

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError

# Names that published data sets give their split folders.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
IGNORED = ("__MACOSX", "__pycache__")
# What says in a folder that an archive was unpacked to it.
UNPACKED = ".unpacked"
# Why something is left out, as a noun in the plural.
HIDDEN, SYSTEM = "hidden files", "files of the system"
FOLDERS = {HIDDEN: "hidden folders", SYSTEM: "folders of the system"}
DANGLING, LOOP, NO_FILE = "links to nothing", "links back to a folder above them", "pipes, sockets or devices"
NO_TEXT, NO_IMAGE = "files whose names are no UTF-8", "files that are no images by their suffix"
# Images that phones write and that are not read: see docs/data.md.
HEIF_SUFFIXES = (".heic", ".heif", ".hif")
IMAGE_ENDINGS = (*sorted(ImageSpec.suffixes), *HEIF_SUFFIXES)


class Entries(NamedTuple):
    """What lies right inside a folder: names of files and folders, sorted; name → reason of what is left out."""

    files: list[str]
    folders: list[str]
    left_out: dict[str, str]


class File(Protocol):
    """An encoded file; small, because it travels to worker processes."""

    @property
    def suffix(self) -> str:
        """With its dot, as it is written."""
        ...

    def read_bytes(self) -> bytes:
        """Raises:
        OSError: it is not there or cannot be read.
        ImageError: the archive is damaged where it lies.
        """
        ...

    def size(self) -> int:
        """In bytes; 0 where it is not there."""
        ...

    def state(self) -> str:
        """Changes when the content does."""
        ...


class Tree(Protocol):
    def __str__(self) -> str:
        """What people call it, without a slash at the end."""
        ...

    @property
    def left_out(self) -> dict[str, str]:
        """Name → reason of what an archive holds and `entries` does not know of."""
        ...

    def entries(self, folder: str) -> Entries:
        """What lies right inside `folder`.

        Raises:
            KedjaError: it cannot be listed, or the name of an image or folder in it is no text.
        """
        ...

    def inside(self, name: str) -> str | None:
        """The name without detours; None where it leads outside the tree."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def file(self, name: str) -> File:
        """The file of that name; one that is not there says so when it is read."""
        ...

    def below(self, folder: str) -> "Tree":
        """The tree inside `folder`."""
        ...


class DiskFile(NamedTuple):
    """A file of its own. Millions are made and sent to workers: plain text and a tuple are the quickest of both."""

    path: str

    @property
    def suffix(self) -> str:
        return PurePath(self.path).suffix

    def read_bytes(self) -> bytes:
        with open(self.path, "rb", buffering=0) as file:  # noqa: PTH123 -- as above
            return file.read()

    def size(self) -> int:
        try:
            return os.stat(self.path).st_size  # noqa: PTH116 -- as above
        except OSError:
            return 0

    def state(self) -> str:
        try:
            status = os.stat(self.path)  # noqa: PTH116 -- as above
        except OSError:
            return "missing"
        return f"{status.st_size}\0{status.st_mtime_ns}"


@dataclass
class Directory:
    """A folder on disk.

    Links to folders are followed, unless they lead back to a folder above them.
    """

    root: Path
    left_out: dict[str, str] = field(default_factory=dict)
    _prefix: str = field(init=False)

    def __post_init__(self) -> None:
        self._prefix = f"{self.root}{os.sep}"

    def __str__(self) -> str:
        return str(self.root)

    def entries(self, folder: str) -> Entries:
        found = Entries([], [], {})
        try:
            with os.scandir(self.root / folder) as entries:
                for entry in entries:
                    self._enter(entry, folder, found)
        except OSError as error:
            raise KedjaError(
                f"{self.root / folder} cannot be listed: {error.strerror}", "make it readable, or move it away"
            ) from None
        return Entries(sorted(found.files), sorted(found.folders), found.left_out)

    def _enter(self, entry: "os.DirEntry[str]", folder: str, found: Entries) -> None:
        name = entry.name
        if name == UNPACKED:
            return
        if not name.isascii() and (shown := printable(name)) != name:
            if entry.is_dir() or name.lower().endswith(IMAGE_ENDINGS):
                raise KedjaError(
                    f"{self.root / folder}: the name {shown} is no UTF-8",
                    "rename it, for example: convmv -f latin1 -t utf8 -r --notest on the source's folder",
                )
            found.left_out[shown] = NO_TEXT
        elif name.startswith(".") or name in IGNORED:
            reason = HIDDEN if name.startswith(".") else SYSTEM
            # A folder counts as one, and says so: it may be as large as that of a version control.
            found.left_out[name + "/" * entry.is_dir()] = FOLDERS[reason] if entry.is_dir() else reason
        elif entry.is_dir():
            if entry.is_symlink() and self._leads_back(folder, name):
                found.left_out[name] = LOOP
            else:
                found.folders.append(name)
        elif entry.is_file():
            found.files.append(name)
        else:
            found.left_out[name] = DANGLING if entry.is_symlink() else NO_FILE

    def _leads_back(self, folder: str, name: str) -> bool:
        """Whether a link ends at a folder that it was reached through, or above one."""
        target = (self.root / folder / name).resolve()
        reached = [self.root, *(self.root / above for above in _with_parents(folder))]
        return any(above.resolve().is_relative_to(target) for above in reached)

    def inside(self, name: str) -> str | None:
        # By its text: links inside the source may lead anywhere, they are its owner's.
        top = self.root.absolute()
        path = Path(os.path.normpath(top / name))
        return path.relative_to(top).as_posix() if path.is_relative_to(top) else None

    def has(self, name: str) -> bool:
        try:
            return stat.S_ISREG((self.root / name).stat().st_mode)
        except (OSError, ValueError):
            # ValueError: a null byte. OSError: also a name that is too long to be one.
            return False

    def file(self, name: str) -> File:
        return DiskFile(f"{self._prefix}{name}")

    def below(self, folder: str) -> "Directory":
        return Directory(self.root / folder)


def _with_parents(folder: str) -> list[str]:
    parts = folder.split("/")[:-1]
    return ["/".join(parts[: number + 1]) for number in range(len(parts))]


def printable(name: str) -> str:
    """A file name as text: bytes that are no UTF-8 written out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def walk(tree: Tree, folder: str = "") -> Iterator[tuple[str, Entries]]:
    """`folder` and every folder below it, each with what lies right inside it."""
    entries = tree.entries(folder)
    yield folder, entries
    for name in entries.folders:
        yield from walk(tree, f"{folder}{name}/")


def unwrap(tree: Tree) -> tuple[Tree, dict[str, str]]:
    """The tree itself, or the one inside the only folder with images where archives wrap everything in one.

    Returns:
        The tree, and name → reason of what lies beside it (a note, a licence, folders of annotations).
    """
    beside = dict(tree.left_out)
    above = ""
    while True:
        files, folders, left_out = tree.entries("")
        full = list(islice((name for name in folders if holds_images(tree, f"{name}/")), 2))
        if len(full) != 1 or full[0].lower() in SPLIT_NAMES or any(map(is_image, files)):
            return tree, beside
        inner = tree.entries(f"{full[0]}/")
        if not inner.folders or any(map(is_image, inner.files)):
            return tree, beside
        beside |= {above + name: reason for name, reason in left_out.items()} | {
            above + name: NO_IMAGE for name in files
        }
        for empty in folders:
            if empty != full[0]:
                beside |= {above + name: reason for name, reason in files_below(tree, f"{empty}/")}
        tree, above = tree.below(f"{full[0]}/"), f"{above}{full[0]}/"


def files_below(tree: Tree, folder: str) -> Iterator[tuple[str, str]]:
    """Name and reason of everything in a folder without images."""
    for inner, entries in walk(tree, folder):
        yield from ((inner + name, reason) for name, reason in entries.left_out.items())
        yield from ((inner + name, NO_IMAGE) for name in entries.files)


def holds_images(tree: Tree, folder: str) -> bool:
    """Whether there is an image in `folder` or below; looks no further than the first."""
    return any(is_image(name) for _, entries in walk(tree, folder) for name in entries.files)


def is_image(name: str) -> bool:
    """Whether a file is an image by its suffix."""
    return name.lower().endswith(IMAGE_ENDINGS)
