"""What a source of labelled images offers to preparation."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.image_spec import ImageSpec
from kedja.data.sources.tree import File, Tree


class Item(NamedTuple):
    """One labelled image.

    Attributes:
        id: unique within the source and the same on every machine; for files their path in the source.
        label: class name.
        content: an encoded file, or pixels: uint8 (H, W) or (H, W, 3).
        split: ``train``, ``val`` or ``test`` where the source brings its own splits, else empty.
        group: images with the same non-empty group (one patient, one video) stay on one side.
    """

    id: str
    label: str
    content: File | NDArray[np.uint8]
    split: str = ""
    group: str = ""


class Source(Protocol):
    """Attributes:
    title: what the data are and where they come from, one line.
    licence: as its authors state it; ``not stated`` where they do not.
    image: the natural input specification, where the source knows one.
    classes: names in order where the source defines an order, else None.
    tree: where the items' files lie, by their ids; None where the source holds pixels.
    """

    title: str
    licence: str

    @property
    def image(self) -> ImageSpec | None: ...

    @property
    def classes(self) -> list[str] | None: ...

    @property
    def tree(self) -> Tree | None: ...

    def items(self) -> Iterator[Item]:
        """Every image, in an order that is the same on every machine; can be called again."""
        ...
