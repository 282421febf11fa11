"""The seam between kinds of data and preparation: what depends on the kind of the examples asks its `Kind`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Input
from kedja.data.kinds.stored import Stored

if TYPE_CHECKING:
    from kedja.data.preparation.workspace import Workspace
    from kedja.data.settings import Settings
    from kedja.data.sources.source import Source

# What a source offers as an example: a file of a tree, or an array.
Content = Any
# The values of `Kind.columns`, then a code (empty where the example was read), a reason, and the position.
Result = tuple[Any, ...]
Chunk = Sequence[tuple[int, Content]]


class Kind(ABC):
    """One preparation of data of this kind.

    Attributes:
        columns: what decoding finds of each example: name → SQLite type; at the least `sha256` of the original, and
            `same`, 64 bits that are equal for examples that are the same to a model.
        index: columns of `index.csv` behind ``path``: header → SQL expression over `columns` and `grp`; the first
            is ``sha256``, and `identity` names the one that says `same`.
        schema_version: of `dataset.json`.
        input: what every example becomes; set by `choose`.
    """

    columns: ClassVar[Mapping[str, str]] = {"sha256": "TEXT", "bytes": "INTEGER", "same": "INTEGER"}
    identity: ClassVar[str] = "identity"
    index: ClassVar[Mapping[str, str]] = {
        "sha256": "sha256",
        "group": "grp",
        "bytes": "bytes",
        "identity": "printf('%016x', same)",
    }
    schema_version: ClassVar[int] = 2
    input: Input

    def __init__(self, source: "Source", settings: "Settings", workspace: "Workspace") -> None:
        self.source, self.settings, self.workspace = source, settings, workspace

    @abstractmethod
    def choose(self, count: int, contents: Iterator[Content]) -> None:
        """Set `input`, and whatever else the settings leave open, and say aloud what was chosen.

        Args:
            count: of all examples.
            contents: some of them, evenly spread; looked at where the source and the settings leave something open.
        """

    @abstractmethod
    def decoder(self, count: int) -> Callable[[Chunk], list[Result]]:
        """What reads a chunk: called in worker processes, so it can be pickled. A failure is a result with a code.

        Arrays that it writes lie in the workspace's folder, one row an example, and are continued where they stand.
        """

    def near_pairs(self) -> NDArray[np.int64]:
        """Positions (M, 2) of examples that are nearly the same, of those that were read."""
        return np.empty((0, 2), np.int64)

    def shoots(self) -> list[str]:
        """Of those that were read, a name for each that was recorded in one go with others; else empty."""
        return []

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Write the examples that were kept to a prepared data set, so that `open` reads them."""

    def storage(self) -> dict[str, Any]:
        """What `dataset.json` says of how they are stored."""
        return {}

    def statistics(self) -> dict[str, Any]:
        """What `dataset.json` says of the training split's numbers."""
        return {}

    @classmethod
    @abstractmethod
    def open(cls, folder: Path, description: Mapping[str, Any]) -> Stored:
        """The examples of a prepared data set, with what `kedja.data.prepared.read_description` says of it."""

    def crashed(self, position: int, content: Content) -> Result:
        """What is recorded of an example that took the worker process down with it."""
        return (*(None for _ in self.columns), "crash", f"the decoder crashed on this {self.input.noun}", position)
