"""A source of labelled images → a prepared data set, bit-identical on every machine."""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.errors import KedjaError
from kedja.bundle.files import replacing_directory, sha256, write_json
from kedja.bundle.image_spec import ImageSpec
from kedja.data import splits
from kedja.data.prepared import DATASET, IMAGES, INDEX, SCHEMA_VERSION, SPLITS
from kedja.data.sources.source import Item, Source
from kedja.data.statistics import ChannelStatistics


@dataclass(frozen=True)
class Row:
    item: Item
    sha256: str
    width: int
    height: int


def prepare(source: Source, folder: Path, settings: dict[str, Any]) -> None:
    """Make `folder` anew from `source`; what stood there before is replaced only by a finished one."""
    import hashlib

    spec = source.image
    assert spec is not None
    items = list(source.items())
    images = np.stack([np.asarray(item.content).reshape(spec.shape) for item in items])
    classes = source.classes or sorted({item.label for item in items})
    labels = np.array([classes.index(item.label) for item in items], np.int64)
    digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    units = np.unique(digests, return_inverse=True)[1].astype(np.int64)
    assigned = splits.assign(labels, [i.id for i in items], units, settings["fractions"], settings["seed"])
    if not items:
        raise KedjaError("the source has no images")
    with replacing_directory(folder) as fresh:
        np.save(fresh / IMAGES, images)
        with (fresh / INDEX).open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["id", "split", "label", "class", "path", "sha256", "width", "height"])
            for item, split, label, digest in zip(items, assigned, labels, digests, strict=True):
                rows.writerow([item.id, SPLITS[split], label, item.label, "", digest, spec.width, spec.height])
        _describe(fresh, folder.name, source, settings, spec, images, labels, assigned, classes)


def _describe(  # noqa: PLR0917
    fresh: Path,
    name: str,
    source: Source,
    settings: dict[str, Any],
    spec: ImageSpec,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    assigned: NDArray[np.int64],
    classes: list[str],
) -> None:
    statistics = ChannelStatistics(spec.channels)
    statistics.add(images[assigned == 0])
    counts = {}
    for position, split in enumerate(SPLITS):
        of_class = Counter(labels[assigned == position].tolist())
        counts[split] = {label: of_class[number] for number, label in enumerate(classes)}
    write_json(
        fresh / DATASET,
        {
            "schema_version": SCHEMA_VERSION,
            "name": name,
            "kind": "image",
            "task": "classification",
            "classes": classes,
            "image": spec.to_json(),
            "storage": "arrays",
            "images": len(labels),
            "counts": counts,
            **statistics.result(),
            "source": source.title,
            "licence": source.licence,
            "settings": settings,
            "files": {f.name: sha256(f) for f in sorted(fresh.iterdir())},
        },
    )
