"""A folder or archive of images, a sub-folder per class, with or without split folders above, nested to any depth."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.data.sources.source import Item
from kedja.data.sources.tree import SPLIT_NAMES, Tree, unwrap, walk

_ENDINGS = tuple(ImageSpec.suffixes)


@dataclass
class Folder:
    """A source over the image files of a tree.

    Attributes:
        tree: where they lie.
        label: ``parent`` (the file's folder), ``top`` (the first folder below the split, if any) or
            ``path:<n>`` (the n-th folder below the split, counted from 1).
        licence: as the user states it.
        ignored: files that are no images by their suffix, found by the last listing.
    """

    tree: Tree
    label: str = "parent"
    licence: str = "not stated"
    kind: str = "image"
    title: str = "a folder of images"
    image: ImageSpec | None = None
    classes: list[str] | None = None
    ignored: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._level = _parse_label(self.label)
        self.tree = unwrap(self.tree)
        self._splits = _split_folders(self.tree)

    def items(self) -> Iterator[Item]:
        self.ignored = []
        found = False
        for folder, files in walk(self.tree):
            images = [name for name in files if name.lower().endswith(_ENDINGS)]
            if len(images) < len(files):
                self.ignored += [folder + name for name in files if not name.lower().endswith(_ENDINGS)]
            if images:
                found = True
                label, split = self._label_and_split(folder, images[0])
                for name in images:
                    yield Item(folder + name, label, self.tree.file(folder + name), split)
        if not found:
            raise KedjaError(f"{self.tree}/ holds no images", f"known suffixes: {' '.join(sorted(_ENDINGS))}")

    def _label_and_split(self, folder: str, image: str) -> tuple[str, str]:
        """Of all images in `folder`, of which `image` is one."""
        folders = folder.split("/")[:-1]
        split = self._splits.get(folders[0], "") if folders else ""
        below = folders[1:] if split else folders
        if not below:
            raise KedjaError(
                f"{self.tree}/{folder}{image} lies in no class folder",
                "put it into the folder of its class, or name an index file with index=labels.csv",
            )
        try:
            return below[self._level], split
        except IndexError:
            raise KedjaError(
                f"{self.tree}/{folder}{image} has {len(below)} folders above it, label={self.label} needs more",
                "label=parent takes the nearest folder, label=top the first one",
            ) from None


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


def _split_folders(tree: Tree) -> dict[str, str]:
    """Folder name → split, where the top folders are splits and nothing else."""
    names = tree.entries("")[1]
    splits = {name: SPLIT_NAMES[name.lower()] for name in names if name.lower() in SPLIT_NAMES}
    if "train" not in splits.values() or len(splits) != len(names):
        return {}
    return splits
