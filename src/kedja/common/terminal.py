"""Lines that fit the terminal that people look at, without a word broken in two; files and pipes get them whole."""

import os
import re
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, TextIO

from kedja.common.outside import printable

LEAST_COLUMN = 24  # characters, below which a last column is left to the terminal


def width(stream: TextIO | None = None) -> int | None:
    """Columns of the terminal that standard output (or `stream`) is; None where it is none."""
    stream = stream or sys.stdout
    try:
        return (os.get_terminal_size(stream.fileno()).columns or None) if stream.isatty() else None
    except (OSError, ValueError):
        return None


def folded(line: str, columns: int) -> str:
    """The line in several where it is longer than `columns`; they stand below its last column, or a little further in.

    A line with a word that fits nowhere, such as a long path, stays as it is: it is there to be copied.
    """
    if len(line) <= columns or max(map(len, line.split()), default=0) > columns - 8:
        return line
    indent = len(line) - len(line.lstrip())
    column = max((gap.end() for gap in re.finditer(r"\S {2,}", line)), default=0)
    below = column if 0 < column <= columns - LEAST_COLUMN else indent + 2
    head = max(indent, below) if column == below else indent
    return textwrap.fill(
        line[head:].strip(),
        columns,
        initial_indent=line[:head],
        subsequent_indent=" " * below,
        break_long_words=False,
        break_on_hyphens=False,
    )


class Folded:
    """A stream that folds lines on their way to a terminal; what moves the cursor passes as it is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write it, long lines folded."""
        columns = None if "\x1b" in text or "\r" in text else width(self._stream)
        return self._stream.write("\n".join(folded(line, columns) for line in text.split("\n")) if columns else text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def fold_output() -> None:
    """From now on what is printed on a terminal is folded."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream.isatty() and not isinstance(stream, Folded):
            setattr(sys, name, Folded(stream))


def align(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Left-aligned columns, the last one free; on a terminal it goes on below itself."""
    # Cells may hold names of files, and a line feed in one is no new row.
    cells = [[printable(cell).replace("\n", "\\n") for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header) - 1)]
    start, columns = sum(2 + each for each in widths) + 2, width()
    lines: list[str] = []
    for row in cells:
        before = "".join(f"  {cell.ljust(size)}" for cell, size in zip(row, widths, strict=False)) + "  "
        if columns is None or len(before + row[-1]) <= columns:
            lines.append(f"{before}{row[-1]}".rstrip())
            continue
        # A last column without room begins a line of its own.
        below = start if start <= columns - LEAST_COLUMN else 6
        first, *others = textwrap.wrap(row[-1], columns - below, break_long_words=False)
        lines += [f"{before}{first}"] if below == start else [before.rstrip(), " " * below + first]
        lines += [" " * below + other for other in others]
    return lines
