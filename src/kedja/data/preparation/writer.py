"""The files of a prepared data set, written from the workspace in bounded memory."""

import csv
from pathlib import Path

from kedja.common.files import replacing_directory, sha256, write_json
from kedja.common.outside import escaped
from kedja.data.kinds.kind import Kind
from kedja.data.names import INDEX
from kedja.data.preparation.workspace import KEPT, Workspace
from kedja.data.prepared import DATASET, FILES, REJECTED, SPLITS, VERSION_1


def write_dataset(kind: Kind, folder: Path, classes: list[str]) -> None:
    """Write `folder`; it takes its place when it is complete."""
    workspace = kind.workspace
    with replacing_directory(folder, *FILES) as fresh:
        _write_index(kind, fresh / INDEX, classes)
        _write_rejected(workspace, fresh / REJECTED)
        kind.write(fresh)
        files = sorted(path for path in fresh.rglob("*") if path.is_file())
        description = {
            "schema_version": kind.schema_version,
            "name": folder.name,
            "kind": kind.input.kind,
            "task": "classification",
            "classes": classes,
            "input": kind.input.to_json(),
            **kind.storage(),
            "examples": workspace.total("count(*)", KEPT),
            "rejected": workspace.total("count(*)", f"NOT {KEPT}"),
            "counts": _counts(workspace, classes),
            **kind.statistics(),
            "source": kind.source.title,
            "licence": kind.source.licence,
            "settings": kind.settings.recorded(),
            "files": {path.relative_to(fresh).as_posix(): sha256(path) for path in files},
        }
        if kind.schema_version == 1:
            old = {new: old for old, new in VERSION_1.items()}
            description = {old.get(key, key): value for key, value in description.items()}
        write_json(fresh / DATASET, description)


def _write_index(kind: Kind, path: Path, classes: list[str]) -> None:
    columns = ", ".join(["id, split, class, path", *kind.index.values()])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "split", "label", "class", "path", *kind.index])
        for name, split, label, place, *more in kind.workspace.rows(columns, KEPT):
            writer.writerow([name, SPLITS[split], label, classes[label], place, *more])


def _write_rejected(workspace: Workspace, path: Path) -> None:
    rows = list(workspace.rows("id, given, label, code, reason", f"NOT {KEPT}"))
    if rows:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("id", "split", "class", "code", "reason"))
            writer.writerows([escaped(str(cell or "")) for cell in row] for row in rows)


def _counts(workspace: Workspace, classes: list[str]) -> dict[str, dict[str, int]]:
    counts = {split: dict.fromkeys(classes, 0) for split in SPLITS}
    for split, label, number in workspace.table(
        f"SELECT split, class, count(*) FROM examples WHERE {KEPT} GROUP BY split, class"  # noqa: S608 -- no outside text
    ):
        counts[SPLITS[split]][classes[label]] = number
    return counts
