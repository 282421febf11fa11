"""The files of prepared images, written from the workspace in bounded memory."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kedja.common.files import write_bytes
from kedja.common.progress import Progress
from kedja.data.preparation.npy import copy_selected
from kedja.data.preparation.originals import OriginalsWriter
from kedja.data.preparation.workspace import KEPT, Workspace
from kedja.data.prepared import choose_samples
from kedja.data.sources.files.tree import File, Tree


def place_pixels(workspace: Workspace, pixels: Path, path: Path) -> None:
    """The rows of the images that were kept."""
    kept = workspace.column(KEPT, np.bool_)
    if kept.all():
        _link(pixels, path)
    else:
        copy_selected(pixels, path, kept)


def write_samples(workspace: Workspace, folder: Path, tree: Tree) -> None:
    """Encoded originals of a few validation images, verbatim, named by their position."""
    labels = workspace.column("class", np.int64, KEPT)
    validation = np.flatnonzero(workspace.column("split", np.int64, KEPT) == 1)
    chosen = set(choose_samples(validation, labels).tolist())
    for position, file in enumerate(_kept_files(workspace, tree)):
        if position in chosen:
            write_bytes(folder / f"{position:08d}{file.suffix.lower()}", file.read_bytes())


def write_originals(workspace: Workspace, folder: Path, tree: Tree) -> None:
    """The encoded images that were kept, verbatim."""
    total = workspace.total("count(*)", KEPT)
    with OriginalsWriter(folder) as originals, Progress("keeping originals", total) as progress:
        for file in _kept_files(workspace, tree):
            originals.append(file.read_bytes(), file.suffix.lower())
            progress.advance(1)


def _kept_files(workspace: Workspace, tree: Tree) -> Iterator[File]:
    return (tree.file(name) for (name,) in workspace.rows("id", KEPT))


def _link(source: Path, destination: Path) -> None:
    """A second name for the file, so that the workspace stays complete until the data set stands."""
    try:
        destination.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, destination)
