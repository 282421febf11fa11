"""A folder or archive of images, a sub-folder per class, with or without split folders above, nested to any depth."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.data.sources.files.tree import HEIF_SUFFIXES, NO_IMAGE, SPLIT_NAMES, Entries, Tree, is_image, unwrap, walk
from kedja.data.sources.ignored import OTHER_FORMAT, is_other_image
from kedja.data.sources.layout import split_folders
from kedja.data.sources.source import Item

_EMPTY = "folders without images"
_OUTSIDE = "images outside the folders of the splits"
_UNLABELLED = "images of a split without class folders"


@dataclass
class Folder:
    """A source over the image files of a tree.

    Attributes:
        tree: where they lie.
        label: ``parent`` (the file's folder, where nothing is stated), ``top`` (the first folder below the split,
            if any) or ``path:<n>`` (the n-th folder below the split, counted from 1).
        licence: as the user states it.
        ignored: name → reason of what the last listing left out.
        notes: what it noticed.
    """

    tree: Tree
    label: str = ""
    licence: str = "not stated"
    kind: str = "image"
    title: str = "a folder of images"
    image: ImageSpec | None = None
    classes: list[str] | None = None
    ignored: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._level = _parse_label(self.label)
        self.tree, self._beside = unwrap(self.tree)
        self._splits, self._first_notes = split_folders(self.tree, label_stated=bool(self.label))

    def items(self) -> Iterator[Item]:
        self.ignored = dict(self._beside)
        # Class → the folders that it is made of.
        folders: dict[str, list[str]] = defaultdict(list)
        heif_only = True
        for folder, entries in walk(self.tree):
            images = [name for name in entries.files if is_image(name)]
            self._leave_out(folder, entries, len(images))
            place = self._label_and_split(folder, images[0]) if images else None
            if place is None:
                continue
            label, split = place
            folders[label].append(folder)
            heif_only = heif_only and all(name.lower().endswith(HEIF_SUFFIXES) for name in images)
            for name in images:
                yield Item(folder + name, label, self.tree.file(folder + name), split)
        if not folders:
            raise KedjaError(
                f"{self.tree}/ holds no images with a class", f"known suffixes: {' '.join(sorted(ImageSpec.suffixes))}"
            )
        if heif_only:
            raise KedjaError(f"{self.tree}/ holds HEIC images only, which are not read", "convert them to JPEG or PNG")
        self._check(folders)

    def _leave_out(self, folder: str, entries: Entries, images: int) -> None:
        self.ignored |= {folder + name: reason for name, reason in entries.left_out.items()}
        if images < len(entries.files):
            others = (name for name in entries.files if not is_image(name))
            self.ignored |= {folder + name: OTHER_FORMAT if is_other_image(name) else NO_IMAGE for name in others}
        if folder and not images and not entries.folders:
            self.ignored[folder] = _EMPTY

    def _label_and_split(self, folder: str, image: str) -> tuple[str, str] | None:
        """Of all images in `folder`, of which `image` is one; None where they are ignored."""
        folders = folder.split("/")[:-1]
        split = self._splits.get(folders[0], "") if folders else ""
        below = folders[1:] if split else folders
        reason = ""
        if self._splits and not split:
            reason = _OUTSIDE
        elif split in ("val", "test") and not below:
            reason = _UNLABELLED
        if reason:
            files = (name for name in self.tree.entries(folder).files if is_image(name))
            self.ignored |= {folder + name: reason for name in files}
            return None
        if not below:
            raise KedjaError(
                f"{self.tree}/{folder}{image} lies in no class folder",
                "put it into the folder of its class, or name an index file with index=labels.csv",
            )
        try:
            return unicodedata.normalize("NFC", below[self._level]), split
        except IndexError:
            raise KedjaError(
                f"{self.tree}/{folder}{image} has {len(below)} folders above it, label={self.label} needs more",
                "label=parent takes the nearest folder, label=top the first one",
            ) from None

    def _check(self, folders: dict[str, list[str]]) -> None:
        """What of the classes was not stated and may be meant otherwise."""
        self.notes = list(self._first_notes)
        if all(label.lower() in SPLIT_NAMES for label in folders):
            raise KedjaError(
                f"the classes of {self.tree}/ would be {', '.join(sorted(folders))}, which are names of splits",
                "splits lie above the classes (train/cat/1.jpg), or an index file names both: index=labels.csv",
            )
        if self.label:
            return
        unsplit = {label: [self._below_split(folder) for folder in places] for label, places in folders.items()}
        depths = {place.count("/") for places in unsplit.values() for place in places}
        if len(depths) > 1:
            self.notes.append(
                f"images lie {min(depths)} to {max(depths)} folders deep; the class is the nearest one "
                "(label=top takes the first, label=path:<n> the n-th)"
            )
        joined = {label: sorted(set(places)) for label, places in unsplit.items() if len(set(places)) > 1}
        if joined:
            label = min(joined)
            shown = ", ".join(joined[label][:3])
            self.notes.append(f"{len(joined)} classes are made of several folders, for example {label}: {shown}")
        inner = {part for places in unsplit.values() for place in places for part in place.split("/")[:-2]}
        splits = sorted(part for part in inner if part.lower() in SPLIT_NAMES)
        if any(SPLIT_NAMES[part.lower()] != "train" for part in splits):
            raise KedjaError(
                f"folders inside {self.tree}/ look like splits and are not on top: {', '.join(splits)}",
                "give the folder right above them as the source, or say that they are none with label=parent",
            )

    def _below_split(self, folder: str) -> str:
        top, _, below = folder.partition("/")
        return unicodedata.normalize("NFC", below if top in self._splits else folder)


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
