"""A folder of images, a sub-folder per class, with or without split folders above, nested to any depth."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kedja.bundle.errors import KedjaError
from kedja.bundle.image_spec import ImageSpec
from kedja.bundle.preprocess import SUFFIXES
from kedja.data.sources.source import Item

# Names that published data sets give their split folders.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
_ENDINGS = tuple(SUFFIXES)
_IGNORED = ("__MACOSX", "__pycache__")


@dataclass
class Folder:
    """A source over the image files below `root`.

    Attributes:
        root: the folder.
        label: ``parent`` (the file's folder), ``top`` (the first folder below the split, if any) or
            ``path:<n>`` (the n-th folder below the split, counted from 1).
        licence: as the user states it.
        ignored: files that are no images by their suffix, found by the last listing.
    """

    root: Path
    label: str = "parent"
    licence: str = "not stated"
    title: str = "a folder of images"
    image: ImageSpec | None = None
    classes: list[str] | None = None
    ignored: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.root.is_dir():
            raise KedjaError(f"there is no folder {self.root}/", "source=<folder> takes a folder with one per class")
        self._level = _parse_label(self.label)
        self.root = unwrap(self.root)
        self._splits = _split_folders(self.root)

    def items(self) -> Iterator[Item]:
        self.ignored = []
        found = False
        for name in walk(self.root):
            if not name.lower().endswith(_ENDINGS):
                self.ignored.append(name)
                continue
            found = True
            yield self._item(name)
        if not found:
            raise KedjaError(f"{self.root}/ holds no images", f"known suffixes: {' '.join(sorted(SUFFIXES))}")

    def _item(self, name: str) -> Item:
        folders = name.split("/")[:-1]
        split = self._splits.get(folders[0], "") if folders else ""
        below = folders[1:] if split else folders
        if not below:
            raise KedjaError(
                f"{self.root / name} lies in no class folder",
                "put it into the folder of its class, or name an index file with index=labels.csv",
            )
        try:
            label = below[self._level]
        except IndexError:
            raise KedjaError(
                f"{self.root / name} has {len(below)} folders above it, label={self.label} needs more",
                "label=parent takes the nearest folder, label=top the first one",
            ) from None
        return Item(name, label, self.root / name, split)


def walk(root: Path, below: str = "") -> Iterator[str]:
    """Files below `root` as relative names, folder by folder, sorted; hidden ones and links to folders left out."""
    folders = []
    with os.scandir(root / below) as entries:
        files = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _IGNORED:
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_file():
                files.append(entry.name)
    for name in sorted(files):
        yield below + name
    for name in sorted(folders):
        yield from walk(root, f"{below}{name}/")


def _parse_label(label: str) -> int:
    """The position among the folders below the split that names the class."""
    if label in ("", "parent"):
        return -1
    if label == "top":
        return 0
    kind, _, number = label.partition(":")
    if kind == "path" and number.isdigit() and int(number) > 0:
        return int(number) - 1
    raise KedjaError(f"label={label} names no folder", "label=parent, label=top or label=path:<n>, counted from 1")


def unwrap(root: Path) -> Path:
    """The folder itself, or the only folder inside it where archives wrap everything in one."""
    while True:
        entries = [e for e in root.iterdir() if not e.name.startswith(".") and e.name not in _IGNORED]
        only = entries[0] if len(entries) == 1 else None
        if only is None or not only.is_dir() or only.name.lower() in SPLIT_NAMES:
            return root
        if not any(inner.is_dir() for inner in only.iterdir()):
            return root
        root = only


def _split_folders(root: Path) -> dict[str, str]:
    """Folder name → split, where the folders of `root` are splits and nothing else."""
    names = [e.name for e in root.iterdir() if e.is_dir() and not e.name.startswith(".") and e.name not in _IGNORED]
    splits = {name: SPLIT_NAMES[name.lower()] for name in names if name.lower() in SPLIT_NAMES}
    if "train" not in splits.values() or len(splits) != len(names):
        return {}
    return splits
