"""What a source offers, walked once: files are opened again by their names, arrays are kept on disk meanwhile."""

from array import array
from collections.abc import Iterator
from itertools import islice

import numpy as np

from kedja.data.kinds.kind import Content
from kedja.data.preparation.workspace import Workspace
from kedja.data.sources.source import Item, Source

SPOOL = "contents.bin"
# What does not fit is asked of the source a second time.
SPOOL_BYTES = 8 * 2**30


class Contents:
    """The examples of a source by their position, once `items` was gone through."""

    def __init__(self, source: Source, workspace: Workspace) -> None:
        self._source, self._workspace = source, workspace
        self._path = workspace.folder / SPOOL
        self._starts = array("q")

    def items(self) -> Iterator[Item]:
        """Every item of the source."""
        if self._source.tree is not None:
            yield from self._source.items()
            return
        self._starts = array("q")
        with self._path.open("wb") as file:
            for item in self._source.items():
                if file.tell() < SPOOL_BYTES:
                    self._starts.append(file.tell())
                    np.save(file, np.asarray(item.content))
                yield item

    def some(self, step: int) -> Iterator[Content]:
        """Every `step`-th."""
        if self._source.tree is not None:
            for (name,) in self._workspace.rows("id", f"position % {step} = 0"):
                yield self._source.tree.file(name)
        else:
            yield from (content for position, content in self._arrays() if position % step == 0)

    def pending(self) -> Iterator[tuple[int, Content]]:
        """Those that are still to be read; results may be recorded meanwhile."""
        if self._source.tree is not None:
            yield from ((position, self._source.tree.file(name)) for position, name in self._workspace.pending_ids())
        else:
            pending = self._workspace.pending()
            yield from ((position, content) for position, content in self._arrays() if pending[position])

    def _arrays(self) -> Iterator[tuple[int, Content]]:
        kept = len(self._starts)
        with self._path.open("rb") as file:
            for position, start in enumerate(self._starts):
                file.seek(start)
                yield position, np.load(file, allow_pickle=False)
        if kept < self._workspace.total("count(*)"):
            yield from ((kept + n, item.content) for n, item in enumerate(islice(self._source.items(), kept, None)))
