"""What training does with examples of each kind, by name. Loads no torch before it is asked.

A new kind is an entry here, and what it names.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from kedja.common.errors import KedjaError, nearest
from kedja.training.component import resolved


@dataclass(frozen=True)
class Taken:
    """Attributes:
    split: (data, name of the split, device) → its `kedja.training.batches.dataset.ImageDataset`, or what has the
        same face.
    build: (model's configuration, number of classes, input, facts of the data set) → the classifier, whose
        `network.body` is the registry's, and which takes what `split` hands out.
    vary: (examples, augment's configuration, generator, side) → what the network takes.
    check: (augment's configuration) raises where it asks for what there is not.
    frozen: (classifier, data) → `kedja.training.probe.frozen.Frozen`, or what has the same face.
    size: (input) → numbers in an example; few are computed by one thread.
    """

    split: Any
    build: Any
    vary: Any
    check: Any
    frozen: Any
    size: Any


# Kind → `module:object` of each part.
KINDS: dict[str, dict[str, str]] = {
    "image": {
        "split": "kedja.training.batches.dataset:ImageDataset",
        "build": "kedja.training.models.registry:build_images",
        "vary": "kedja.training.augment.augment:augment",
        "check": "kedja.training.augment.augment:check_augment",
        "frozen": "kedja.training.probe.frozen:frozen_images",
        "size": "kedja.training.batches.dataset:pixels_of",
    },
    "text": {
        "split": "kedja.training.batches.texts:TextDataset",
        "build": "kedja.training.models.texts.classifier:build_texts",
        "vary": "kedja.training.models.texts.classifier:as_they_are",
        "check": "kedja.training.models.texts.classifier:check_augment",
        "frozen": "kedja.training.probe.texts:FrozenTexts",
        "size": "kedja.training.batches.texts:size_of",
    },
}


@cache
def taken(kind: str) -> Taken:
    """The parts for examples of that kind.

    Raises:
        KedjaError: training takes no such examples.
    """
    if kind not in KINDS:
        raise KedjaError(f"no network here takes examples of kind {kind!r}", nearest(kind, list(KINDS)))
    return Taken(**{name: resolved(place) for name, place in KINDS[kind].items()})
