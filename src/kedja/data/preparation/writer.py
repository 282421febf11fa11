"""The files of a prepared data set, written from the workspace in bounded memory."""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kedja.bundle.image_spec import ImageSpec
from kedja.common.files import replacing_directory, sha256, write_bytes, write_json
from kedja.common.outside import escaped
from kedja.common.progress import Progress
from kedja.data.kinds.image.statistics import statistics
from kedja.data.preparation.npy import copy_selected
from kedja.data.preparation.originals import OriginalsWriter
from kedja.data.preparation.workspace import READ, Workspace
from kedja.data.prepared import DATASET, FILES, IMAGES, INDEX, REJECTED, SAMPLES, SCHEMA_VERSION, SPLITS, choose_samples
from kedja.data.settings import Settings
from kedja.data.sources.source import Source
from kedja.data.sources.tree import File, Tree

_KEPT = f"code = '{READ}'"
_COLUMNS = ("id", "split", "label", "class", "path", "sha256", "width", "height")
# Beyond the contract's columns: what the audit and grouped splits ask for.
_MORE_COLUMNS = ("group", "format", "bytes", "pixel_hash", "perceptual_hash")


def write_dataset(
    workspace: Workspace,
    folder: Path,
    source: Source,
    *,
    settings: Settings,
    spec: ImageSpec,
    storage: str,
    classes: list[str],
) -> None:
    """Write `folder`; it takes its place when it is complete."""
    with replacing_directory(folder, *FILES) as fresh:
        _write_index(workspace, fresh / INDEX, classes)
        _write_rejected(workspace, fresh / REJECTED)
        if storage == "arrays":
            _place_pixels(workspace, fresh / IMAGES)
            if source.tree is not None:
                _write_samples(workspace, fresh / SAMPLES, source.tree)
        else:
            assert source.tree is not None
            _write_originals(workspace, fresh, source.tree)
        files = sorted(path for path in fresh.rglob("*") if path.is_file())
        description = {
            "schema_version": SCHEMA_VERSION,
            "name": folder.name,
            "kind": "image",
            "task": "classification",
            "classes": classes,
            "image": spec.to_json(),
            "storage": storage,
            "images": workspace.total("count(*)", _KEPT),
            "rejected": workspace.total("count(*)", f"NOT {_KEPT}"),
            "counts": _counts(workspace, classes),
            **statistics(workspace.rows("sums", f"{_KEPT} AND split = 0"), spec),
            "source": source.title,
            "licence": source.licence,
            "settings": settings.recorded(),
            "files": {path.relative_to(fresh).as_posix(): sha256(path) for path in files},
        }
        write_json(fresh / DATASET, description)


def _write_index(workspace: Workspace, path: Path, classes: list[str]) -> None:
    columns = "id, split, class, path, sha256, width, height, grp, format, bytes, pixels, perceptual"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_COLUMNS, *_MORE_COLUMNS])
        for name, split, label, place, digest, width, height, group, kind, size, pixels, near in workspace.rows(
            columns, _KEPT
        ):
            row = [name, SPLITS[split], label, classes[label], place, digest, width, height, group, kind, size]
            writer.writerow([*row, _hexadecimal(pixels), _hexadecimal(near)])


def _write_rejected(workspace: Workspace, path: Path) -> None:
    rows = list(workspace.rows("id, given, label, code, reason", f"NOT {_KEPT}"))
    if rows:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("id", "split", "class", "code", "reason"))
            writer.writerows([escaped(str(cell or "")) for cell in row] for row in rows)


def _place_pixels(workspace: Workspace, path: Path) -> None:
    kept = workspace.column(_KEPT, np.bool_)
    if kept.all():
        _link(workspace.pixels, path)
    else:
        copy_selected(workspace.pixels, path, kept)


def _link(source: Path, destination: Path) -> None:
    """A second name for the file, so that the workspace stays complete until the data set stands."""
    try:
        destination.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, destination)


def _write_samples(workspace: Workspace, folder: Path, tree: Tree) -> None:
    """Encoded originals of a few validation images, verbatim, named by their position."""
    labels = workspace.column("class", np.int64, _KEPT)
    validation = np.flatnonzero(workspace.column("split", np.int64, _KEPT) == 1)
    chosen = set(choose_samples(validation, labels).tolist())
    for position, file in enumerate(_kept_files(workspace, tree)):
        if position in chosen:
            write_bytes(folder / f"{position:08d}{file.suffix.lower()}", file.read_bytes())


def _write_originals(workspace: Workspace, folder: Path, tree: Tree) -> None:
    total = workspace.total("count(*)", _KEPT)
    with OriginalsWriter(folder) as originals, Progress("keeping originals", total) as progress:
        for file in _kept_files(workspace, tree):
            originals.append(file.read_bytes(), file.suffix.lower())
            progress.advance(1)


def _kept_files(workspace: Workspace, tree: Tree) -> Iterator[File]:
    return (tree.file(name) for (name,) in workspace.rows("id", _KEPT))


def _counts(workspace: Workspace, classes: list[str]) -> dict[str, dict[str, int]]:
    counts = {split: dict.fromkeys(classes, 0) for split in SPLITS}
    for split, label, number in workspace.table(
        f"SELECT split, class, count(*) FROM images WHERE {_KEPT} GROUP BY split, class"  # noqa: S608 -- no outside text
    ):
        counts[SPLITS[split]][classes[label]] = number
    return counts


def _hexadecimal(value: int) -> str:
    return f"{value & 0xFFFFFFFFFFFFFFFF:016x}"
