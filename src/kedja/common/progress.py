"""Progress of long work: a bar on a terminal where rich is installed, a plain line every half minute elsewhere."""

import importlib.util
import os
import re
import sys
import time
from types import TracebackType
from typing import Any, Self, TextIO

from kedja.common.outside import printable

BAR_SECONDS = 0.1
PLAIN_SECONDS = 30.0
LONG_SECONDS = 20.0  # from which on people want to know beforehand
LINE_SECONDS = 1.0  # between plain lines that may be left out, so that a log stays readable

LONGEST_NAME = 44  # of 80 columns; the rest is for how it goes


def say(text: str) -> None:
    """One line for people."""
    print(printable(text), file=sys.stderr, flush=True)


class Progress:
    """Counts towards `total`, with rate and time left.

    Args:
        text: what is being done.
        total: what is to be done in all; 0 where it is not known.
        unit: what is counted, in the plural.
        done: what was done before, for work that is continued.
        file: where to; standard error by default.
        keep: whether the last state stays to be read.
        quiet: show nothing at all, for all processes but the first.
        announce: after so many, say how long it will take, where that is long enough to wonder; 0 is off.
    """

    def __init__(
        self,
        text: str,
        total: int,
        unit: str = "images",
        done: int = 0,
        *,
        file: TextIO | None = None,
        keep: bool = True,
        quiet: bool = False,
        announce: int = 0,
    ) -> None:
        self._text, self._total, self._unit = _short(text), total, unit
        self._done: float = done
        self._before = done
        self._file = file or sys.stderr
        self._keep, self._quiet = keep, quiet
        self._announce = announce
        self._note = ""
        self._start = self._shown = time.monotonic()
        self._printed = float("-inf")
        self._bars = None if quiet else _bars(self._file, keep)
        self._bar = self._bars.add_task("", total=total or None, completed=done) if self._bars else None

    def __enter__(self) -> Self:
        if self._bars:
            self._show()
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._show()
            self._bars.stop()
        elif self._keep and kind is None and not self._quiet:
            self._show()

    @property
    def due(self) -> bool:
        """Whether `advance` would show anything: for those whose note is costly."""
        return not self._quiet and time.monotonic() - self._shown >= (BAR_SECONDS if self._bars else PLAIN_SECONDS)

    def advance(self, number: int = 1, note: str = "") -> None:
        """Count; `note` is shown in place of the rate."""
        self._done += number
        self._note = note or self._note
        if self._done - self._before == self._announce and (left := self.seconds_left) and left >= LONG_SECONDS:
            first = f"{self._announce} of {self._total:,} {self._unit or 'steps'}"
            self.line(f"about {duration(left)} to go, by the first {first}")
        if self.due:
            self._show()

    def at(self, done: float, note: str = "") -> None:
        """Count to `done`, which may hold parts of what is counted."""
        self._done, self._note = done, note or self._note
        if self.due:
            self._show()

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far; None while nothing is done."""
        rate = (self._done - self._before) / max(time.monotonic() - self._start, 1e-3)
        return (self._total - self._done) / rate if rate and self._total else None

    def line(self, text: str, *, always: bool = True) -> None:
        """A line that stays, above the bar. Off a terminal, at most one a second of those not needed `always`."""
        if self._quiet:
            return
        if self._bars:
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        elif always or time.monotonic() - self._printed >= LINE_SECONDS:
            self._printed = time.monotonic()
            print(text, file=self._file, flush=True)

    def part(self, name: str) -> "Part":
        """Another line below, for one of several things that go on at once; shown on a terminal only."""
        return Part(self._bars, name)

    def _show(self) -> None:
        self._shown = time.monotonic()
        if self._bars:
            self._bars.update(self._bar, completed=self._done, description=self._state(), refresh=True)
        else:
            print(self._state(), file=self._file, flush=True)

    def _state(self) -> str:
        count = f"{int(self._done):,}" + (f" of {self._total:,}" if self._total else "")
        parts = [" ".join(filter(None, [f"{self._text}:" if self._text else "", count, self._unit]))]
        rate = (self._done - self._before) / max(time.monotonic() - self._start, 1e-3)
        if self._note:
            parts.append(self._note)
        elif rate >= 1:
            parts.append(f"{rate:,.0f}/s")
        if left := self.seconds_left:
            parts.append(f"{duration(left)} left")
        return ", ".join(parts)


class Part:
    """One of several things that go on at once."""

    def __init__(self, bars: Any, name: str) -> None:
        self._bars, self._name = bars, _short(name)
        self._bar = bars.add_task(f"{self._name}: starting", total=1.0) if bars else None

    @property
    def shown(self) -> bool:
        """Whether anybody sees it."""
        return self._bars is not None

    def update(self, state: str, share: float = 0.0) -> None:
        """How it goes, in a few words, and the share of it that is done."""
        if self._bars:
            self._bars.update(self._bar, description=f"{self._name}: {state}", completed=share)

    def end(self) -> None:
        """Take its line away."""
        if self._bars:
            self._bars.remove_task(self._bar)


def _bars(file: TextIO, keep: bool) -> Any:
    """Rich's display, None off a terminal and where rich is not installed."""
    if not file.isatty() or os.environ.get("TERM") == "dumb" or importlib.util.find_spec("rich") is None:
        return None
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    # The bar takes what the words leave: a narrow terminal shortens the bar first, and the words by an ellipsis last.
    words = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    bar = BarColumn(bar_width=None, table_column=Column(max_width=24))
    return Progress(bar, words, console=Console(file=file), transient=not keep)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def share_done(line: str) -> float | None:
    """What share a line of `Progress`, or one that begins ``epoch 3/15``, says is done; None where it says nothing."""
    found = re.match(r"(?:[^\d:]*: )?([\d,]+) of ([\d,]+)\b|epoch +(\d+)/(\d+)", line)
    if not found:
        return None
    done, total = (int(part.replace(",", "")) for part in found.groups() if part)
    return done / total if total else None


def duration(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any: ``2:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
