"""Whether a file is a table whose rows are the examples, or one that lists images or holds texts."""

import csv
import io
from collections.abc import Callable
from itertools import islice
from pathlib import Path, PurePosixPath

from kedja.bundle.inputs.table.rows import open_csv
from kedja.common.errors import KedjaError
from kedja.common.progress import say
from kedja.data.settings import Settings
from kedja.data.sources.files.tree import Directory, is_image
from kedja.data.sources.rows.files import PARQUET, PICKLES, encoding_of, is_number
from kedja.data.sources.rows.source import Table
from kedja.data.sources.tables.places import Places
from kedja.data.sources.tables.table import find_delimiter
from kedja.data.sources.tables.texts import TABLES, text_column

_LOOKED_AT, _ROWS = 65_536, 20


def is_table(settings: Settings) -> bool:
    """Whether every row is an example: it was said, or nothing in the first rows is a text or names an image."""
    file = Path(settings.source)
    if not file.is_file() or settings.kind not in ("", "table"):
        return False
    suffix = file.suffix.lower()
    if settings.kind or suffix in PICKLES:
        return True
    if suffix in PARQUET:
        return not text_column(file, settings.text)
    if settings.path or settings.text or settings.classes or suffix not in TABLES:
        return False
    return bool(settings.columns) or (
        not text_column(file, "", settings.encoding) and _holds_rows(file, settings.encoding, _names_image(file))
    )


def open_table(settings: Settings) -> Table:
    """The source; says so where nobody said that it is a table of rows.

    Raises:
        KedjaError: a setting is for other sources, or as `Table`.
    """
    for key in ("index", "path", "classes", "text"):
        if getattr(settings, key):
            raise KedjaError(f"{key}= is not for tables of rows; source={settings.source} is one")
    if not settings.kind:
        say(f"{settings.source} is taken for a table whose rows are the examples (kind=image or kind=text otherwise)")
    return Table(Path(settings.source), settings)


def _names_image(file: Path) -> Callable[[str], bool]:
    """Whether a cell names an image, beside the table or in a folder there."""
    tree = Directory(file.parent)
    places, folders = Places(tree), [PurePosixPath(name) for name in ("", *tree.entries("").folders)]
    return lambda cell: is_image(cell) or any(places.exists(folder, cell) for folder in folders)


def _holds_rows(file: Path, encoding: str, names_image: Callable[[str], bool]) -> bool:
    """Whether there are several columns, numbers among them, and no images."""
    try:
        with file.open(encoding=encoding_of(file, encoding), newline="") as opened:
            start = opened.read(_LOOKED_AT)
        whole = start[: start.rfind("\n") + 1] or start
        lines = open_csv(io.StringIO(whole, newline=""), find_delimiter(whole, file.suffix))
        rows = [[cell.strip() for cell in row] for row in islice(lines, _ROWS) if any(row)]
    except (KedjaError, OSError, UnicodeError, csv.Error):
        # Whoever reads it next says so.
        return False
    if len(rows) < 2 or len(rows[0]) < 3 or any(len(row) != len(rows[0]) for row in rows):
        return False
    numbers = any(all(is_number(row[place]) for row in rows[1:]) for place in range(1, len(rows[0])))
    return numbers and not any(names_image(cell) for row in rows for cell in row if cell)
