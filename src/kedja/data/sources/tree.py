"""Where the files of a source lie: in a folder, or in an archive that is read in place.

Names are relative to the tree and written with slashes; a folder's name ends in one, the top is the empty name.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import NamedTuple, Protocol

# Names that published data sets give their split folders.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
IGNORED = ("__MACOSX", "__pycache__")


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

    def entries(self, folder: str) -> tuple[list[str], list[str]]:
        """Names of the files and of the folders right inside `folder`, sorted; hidden ones and links left out."""
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
    """A folder on disk."""

    root: Path
    _resolved: Path = field(init=False)
    _prefix: str = field(init=False)

    def __post_init__(self) -> None:
        self._resolved = self.root.resolve()
        self._prefix = f"{self.root}{os.sep}"

    def __str__(self) -> str:
        return str(self.root)

    def entries(self, folder: str) -> tuple[list[str], list[str]]:
        files, folders = [], []
        with os.scandir(self.root / folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name in IGNORED:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.is_file():
                    files.append(entry.name)
        return sorted(files), sorted(folders)

    def inside(self, name: str) -> str | None:
        path = self.root / name
        if not path.resolve().is_relative_to(self._resolved):
            return None
        # Index files may name absolute paths.
        return path.absolute().relative_to(self.root.absolute()).as_posix()

    def has(self, name: str) -> bool:
        return (self.root / name).is_file()

    def file(self, name: str) -> File:
        return DiskFile(f"{self._prefix}{name}")

    def below(self, folder: str) -> "Directory":
        return Directory(self.root / folder)


def walk(tree: Tree, folder: str = "") -> Iterator[tuple[str, list[str]]]:
    """`folder` and every folder below it, each with the names of its files, sorted."""
    files, folders = tree.entries(folder)
    yield folder, files
    for name in folders:
        yield from walk(tree, f"{folder}{name}/")


def unwrap(tree: Tree) -> Tree:
    """The tree itself, or the one inside its only folder where archives wrap everything in one."""
    while True:
        files, folders = tree.entries("")
        if files or len(folders) != 1 or folders[0].lower() in SPLIT_NAMES:
            return tree
        if not tree.entries(f"{folders[0]}/")[1]:
            return tree
        tree = tree.below(f"{folders[0]}/")
