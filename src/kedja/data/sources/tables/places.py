"""Images that a table names, found in a tree: with or without suffix, however the path is spelled."""

import re
import unicodedata
from pathlib import PurePosixPath

from kedja.common.errors import KedjaError
from kedja.data.sources.files.tree import IMAGE_ENDINGS, Tree, is_image

_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")


class Places:
    """Looks up the images of a table in a tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._stems: dict[str, dict[str, list[str]]] = {}

    def find(self, base: PurePosixPath, cell: str, where: str) -> str:
        """The name in the tree; of a file that is not there the name that it should have.

        Raises:
            KedjaError: the cell is empty, leads outside, belongs to another machine, or means several files.
        """
        if not cell:
            raise KedjaError(f"{where} has no path", "write the path, or remove the line")
        if _OF_WINDOWS.match(cell):
            raise KedjaError(
                f"{where} names {cell}, an absolute path of a Windows machine",
                f"cut what stands before the folders inside {self._tree}/, so that paths begin there",
            )
        spellings = _spellings(cell)
        names = [self._tree.inside(str(base / spelling)) for spelling in spellings]
        name = names[-1]
        if name is None:
            raise KedjaError(
                f"{where} names {cell}, which is outside {self._tree}/", "paths are relative to the source"
            )
        if len(names) == 1 and is_image(cell):
            return name
        for candidate in names:
            if candidate is not None and (found := self._with_suffix(candidate, where)):
                return found
        return name

    def exists(self, base: PurePosixPath, cell: str) -> bool:
        """Whether the cell names an image."""
        try:
            return bool(cell) and self._tree.has(self.find(base, cell, ""))
        except KedjaError:
            return False

    def _with_suffix(self, name: str, where: str) -> str | None:
        if self._tree.has(name):
            return name
        above, _, stem = name.rpartition("/")
        folder = f"{above}/" if above else ""
        if folder not in self._stems:
            self._stems[folder] = self._by_stem(folder)
        found = self._stems[folder].get(stem, [])
        if len(found) > 1:
            raise KedjaError(f"{where} names {name}, which may be {' or '.join(found)}", "write it with its suffix")
        return folder + found[0] if found else None

    def _by_stem(self, folder: str) -> dict[str, list[str]]:
        stems: dict[str, list[str]] = {}
        try:
            files = self._tree.entries(folder).files
        except KedjaError:
            return stems
        for file in files:
            if is_image(file):
                ending = next(ending for ending in IMAGE_ENDINGS if file.lower().endswith(ending))
                stems.setdefault(file[: -len(ending)], []).append(file)
        return stems


def _spellings(cell: str) -> list[str]:
    """As it is written, with slashes, and in both Unicode forms; the likeliest last."""
    found = [cell]
    if "\\" in cell:
        found.append(cell.replace("\\", "/"))
    if not cell.isascii():
        found = [unicodedata.normalize(form, text) for text in found for form in ("NFD", "NFC")]
    return list(dict.fromkeys(found))
