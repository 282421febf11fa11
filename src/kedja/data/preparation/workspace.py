"""The state of a preparation on disk: which examples there are, and what is known of each so far.

An SQLite file beside the data set keeps memory bounded whatever the number of examples, and survives
being killed at any moment.
"""

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.common.errors import KedjaError
from kedja.data.sources.source import Item

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE examples (
    position INTEGER PRIMARY KEY, id TEXT UNIQUE, label TEXT, given TEXT, grp TEXT, path TEXT,
    {}, code TEXT, reason TEXT, class INTEGER, split INTEGER
);
"""
_STATE = "state.sqlite"
_BLOCK = 4096
# `code` is empty for an example that was read, NULL for one not yet looked at, else why it is left out.
READ = ""
KEPT = f"code = '{READ}'"


class Workspace:
    """Attributes:
    folder: where the state lies, with the arrays that a kind keeps beside it.
    """

    def __init__(self, folder: Path, fingerprint: str, columns: Mapping[str, str]) -> None:
        """Open the state of an interrupted preparation with the same `fingerprint`, or an empty one.

        Args:
            columns: what decoding finds of each example: name → SQLite type.
        """
        self.folder = folder
        self._file = folder / _STATE
        found = ", ".join(f"{name}=?" for name in [*columns, "code", "reason"])
        self._result = f"UPDATE examples SET {found} WHERE position=?"  # noqa: S608 -- no outside text
        if self._stored_fingerprint() != fingerprint:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        fresh = not self._file.exists()
        self._database = sqlite3.connect(self._file, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        if fresh:
            self._database.executescript(
                "BEGIN;" + _SCHEMA.format(", ".join(map(" ".join, columns.items()))) + "COMMIT;"
            )
            self._set("fingerprint", fingerprint)

    def list_items(self, items: Callable[[], Iterable[Item]]) -> int:
        """Enter the items of the source; their number.

        An interrupted preparation is continued where the listing is what it was, else it starts again.

        Raises:
            KedjaError: an id comes twice.
        """
        previous = self.fact("listing")
        self._database.execute("BEGIN")
        if previous is None:
            self._database.execute("DELETE FROM examples")
        digest, number = hashlib.sha256(), 0
        for position, item in enumerate(items()):
            digest.update(_listing_line(item))
            number += 1
            if previous is None:
                self._insert(position, item)
        if previous not in (None, digest.hexdigest()):
            self._database.execute("ROLLBACK")
            self._database.execute("DELETE FROM facts WHERE name='listing'")
            for path in self.folder.iterdir():
                if not path.name.startswith(_STATE):
                    path.unlink()
            return self.list_items(items)
        self._set("listing", digest.hexdigest())
        self._database.execute("COMMIT")
        return number

    def _insert(self, position: int, item: Item) -> None:
        path = "" if isinstance(item.content, np.ndarray) else item.id
        try:
            self._database.execute(
                "INSERT INTO examples (position, id, label, given, grp, path) VALUES (?, ?, ?, ?, ?, ?)",
                (position, item.id, item.label, item.split, item.group, path),
            )
        except sqlite3.IntegrityError:
            self._database.execute("ROLLBACK")
            raise KedjaError(f"the source names {item.id} twice", "keep one of the two lines") from None

    def record(self, results: Iterable[tuple[Any, ...]]) -> None:
        """Keep what the decoding of some examples found, in the order of `kedja.data.kinds.kind.Result`."""
        self._database.execute("BEGIN")
        self._database.executemany(self._result, results)
        self._database.execute("COMMIT")

    def pending_ids(self) -> Iterator[tuple[int, str]]:
        """Position and id of every example that is still to be read; results may be recorded meanwhile."""
        query = "SELECT position, id FROM examples WHERE position > ? AND code IS NULL ORDER BY position LIMIT ?"
        last = -1
        while rows := self._database.execute(query, (last, _BLOCK)).fetchall():
            yield from rows
            last = rows[-1][0]

    def pending(self) -> NDArray[np.bool_]:
        """(N,) whether an image is still to be read."""
        return self.column("code IS NULL", np.bool_)

    def column(self, expression: str, dtype: Any, where: str = "1") -> NDArray[Any]:
        """An SQL expression over the examples in their order, as an array."""
        cursor = self._database.execute(f"SELECT {expression} FROM examples WHERE {where} ORDER BY position")  # noqa: S608 -- no outside text
        return np.fromiter(chain.from_iterable(cursor), dtype)

    def rows(self, columns: str, where: str = "1") -> Iterator[tuple[Any, ...]]:
        """SQL columns of the examples in their order."""
        yield from self._database.execute(f"SELECT {columns} FROM examples WHERE {where} ORDER BY position")  # noqa: S608 -- no outside text

    def total(self, expression: str, where: str = "1") -> Any:
        """One aggregated value."""
        return self._database.execute(f"SELECT {expression} FROM examples WHERE {where}").fetchone()[0]  # noqa: S608 -- no outside text

    def table(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a small aggregating query."""
        return self._database.execute(query).fetchall()

    def write_column(self, name: str, positions: NDArray[np.int64], values: Iterable[Any]) -> None:
        """Set one column of some images."""
        self._database.execute("BEGIN")
        pairs = ((value, int(position)) for value, position in zip(values, positions, strict=True))
        self._database.executemany(f"UPDATE examples SET {name}=? WHERE position=?", pairs)  # noqa: S608 -- no outside text
        self._database.execute("COMMIT")

    def set_classes(self, classes: list[str]) -> None:
        """Write the class index of every image from its label."""
        self._database.execute("BEGIN")
        pairs = list(enumerate(classes))
        self._database.execute("CREATE INDEX IF NOT EXISTS by_label ON examples (label)")
        self._database.executemany("UPDATE examples SET class=? WHERE label=?", pairs)
        self._database.execute("COMMIT")

    def group_numbers(self, where: str) -> NDArray[np.int64]:
        """Equal numbers for examples of one group; examples without a group get numbers of their own."""
        numbers: dict[str, int] = {}
        rows = self.rows("grp", where)
        values = (numbers.setdefault(g, len(numbers)) if g else -1 - n for n, (g,) in enumerate(rows))
        return np.fromiter(values, np.int64)

    def reject(self, positions: NDArray[np.int64], code: str, reasons: Iterable[str]) -> None:
        """Leave examples out, each with its reason."""
        self.write_column("reason", positions, reasons)
        self.write_column("code", positions, (code for _ in positions))

    def readmit(self) -> None:
        """Take back what was left out after reading, by a preparation that was then interrupted."""
        self._database.execute(f"UPDATE examples SET code='{READ}' WHERE code IN ('leak', 'near-duplicate')")  # noqa: S608 -- a constant

    def forget_all(self) -> None:
        """Let every image be read again."""
        self._database.execute("UPDATE examples SET code=NULL")

    def forget_failures(self) -> None:
        """Let the next run look again at the examples that could not be read."""
        self._database.execute(f"UPDATE examples SET code=NULL WHERE code <> '{READ}'")  # noqa: S608 -- a constant

    def close(self) -> None:
        self._database.close()

    def remove(self) -> None:
        """Close and delete the state."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fact(self, name: str) -> str | None:
        row = self._database.execute("SELECT value FROM facts WHERE name=?", (name,)).fetchone()
        return row[0] if row else None

    def _set(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def _stored_fingerprint(self) -> str | None:
        if not self._file.exists():
            return None
        try:
            database = sqlite3.connect(self._file)
            row = database.execute("SELECT value FROM facts WHERE name='fingerprint'").fetchone()
            database.close()
        except sqlite3.DatabaseError:
            return None
        return row[0] if row else None


def listing_digest(items: Iterable[Item]) -> str:
    """Changes when the source has other images, labels or splits, or a file has another size or time."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(_listing_line(item))
    return digest.hexdigest()


def _listing_line(item: Item) -> bytes:
    if isinstance(item.content, np.ndarray):
        content = hashlib.sha256(item.content.tobytes()).digest()
    else:
        content = item.content.state().encode()
    return "\0".join((item.id, item.label, item.split, item.group)).encode() + b"\0" + content + b"\n"
