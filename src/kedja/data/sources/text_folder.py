"""A folder of texts: `.txt` files in a folder a class, with or without folders of splits above."""

import unicodedata
from collections.abc import Iterator
from itertools import islice

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.inputs.text.spec import TextInput
from kedja.common.errors import KedjaError
from kedja.data.sources.files.tree import SPLIT_NAMES, Tree, is_image, walk
from kedja.data.sources.source import Item

_LOOKED_AT = 10_000
_UNLABELLED, _OTHERS = "texts that lie in no folder of a class", "files that are no texts"


def holds_texts(tree: Tree) -> bool:
    """Whether there are texts in folders, and no images among the first files."""
    names = ((folder, name) for folder, entries in walk(tree) for name in entries.files)
    seen = list(islice(names, _LOOKED_AT))
    return any(folder and is_text(name) for folder, name in seen) and not any(is_image(name) for _, name in seen)


def is_text(name: str) -> bool:
    """Whether a file is a text by its suffix."""
    return name.lower().endswith(tuple(TextInput.suffixes))


class TextFolder:
    """A source over such a folder; a text's class is the folder that it lies in."""

    kind = "text"
    title = "a folder of texts"

    def __init__(self, tree: Tree, licence: str = "not stated") -> None:
        self.tree: Tree | None = tree
        self.licence = licence
        self.image: ImageSpec | None = None
        self.classes: list[str] | None = None
        self.notes: list[str] = []
        self.ignored: dict[str, str] = {}
        tops = tree.entries("").folders
        # All of them, or none: a class may be called `test`.
        named = {name: SPLIT_NAMES[name.lower()] for name in tops if name.lower() in SPLIT_NAMES}
        is_split = "train" in named.values() and all(tree.entries(f"{name}/").folders for name in named)
        self._splits = named if is_split else {}

    def items(self) -> Iterator[Item]:
        assert self.tree is not None
        self.ignored = dict(self.tree.left_out)
        found = False
        for folder, entries in walk(self.tree):
            above = folder.split("/")[:-1]
            split = self._splits.get(above[0], "") if above else ""
            below = above[1:] if split else above
            for name in entries.files:
                if not is_text(name):
                    self.ignored[folder + name] = _OTHERS
                elif not below or (self._splits and not split):
                    self.ignored[folder + name] = _UNLABELLED
                else:
                    found = True
                    label = unicodedata.normalize("NFC", below[-1])
                    yield Item(folder + name, label, self.tree.file(folder + name), split)
        if not found:
            raise KedjaError(
                f"{self.tree}/ holds no texts with a class", "<class>/<name>.txt, or a CSV with a column text"
            )
