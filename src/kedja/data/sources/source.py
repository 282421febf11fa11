"""What a source of labelled examples offers to preparation."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.data.sources.files.tree import File, Tree


class Item(NamedTuple):
    """One labelled example.

    Attributes:
        id: unique within the source and the same on every machine; for files their path in the source.
        label: class name.
        content: a file, or an array; of images, pixels: uint8 (H, W) or (H, W, 3).
        split: ``train``, ``val`` or ``test`` where the source brings its own splits, else empty.
        group: examples with the same non-empty group (one patient, one video) stay on one side.
    """

    id: str
    label: str
    content: File | NDArray[Any]
    split: str = ""
    group: str = ""


class Source(Protocol):
    """Attributes:
    kind: of its examples, see `kedja.data.kinds.registry`.
    title: what the data are and where they come from, one line.
    licence: as its authors state it; ``not stated`` where they do not.
    image: of images, the natural input specification, where the source knows one.
    classes: names in order where the source defines an order, else None.
    tree: where the items' files lie, by their ids; None where the source holds arrays.
    """

    kind: str
    title: str
    licence: str

    @property
    def image(self) -> ImageSpec | None: ...

    @property
    def classes(self) -> list[str] | None: ...

    @property
    def tree(self) -> Tree | None: ...

    def items(self) -> Iterator[Item]:
        """Every example, in an order that is the same on every machine; can be called again."""
        ...
