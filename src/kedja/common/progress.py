"""Progress of long work on standard error: one renewed line on a terminal, a plain line now and then elsewhere."""

import sys
import time
from types import TracebackType

from kedja.common.outside import printable

_BAR = 24
_TERMINAL_SECONDS = 0.1
_PLAIN_SECONDS = 10.0


def say(text: str) -> None:
    """One line for people."""
    print(printable(text), file=sys.stderr, flush=True)


class Progress:
    """Counts towards `total`, with rate and time left.

    Args:
        total: what is to be done in all; 0 where it is not known.
        done: what was done before, for work that is continued.
        unit: what is counted, in the plural.
    """

    def __init__(self, text: str, total: int, unit: str = "images", done: int = 0) -> None:
        self._text, self._total, self._unit = text, total, unit
        self._done = self._before = done
        self._terminal = sys.stderr.isatty()
        self._start = self._shown = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def advance(self, number: int) -> None:
        self._done += number
        now = time.monotonic()
        if now - self._shown >= (_TERMINAL_SECONDS if self._terminal else _PLAIN_SECONDS):
            self._shown = now
            self._show("\r" if self._terminal else "", "\033[K" if self._terminal else "\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            self._show("\r", "\033[K\n")
        elif kind is None:
            self._show("", "\n")

    def _show(self, before: str, after: str) -> None:
        seconds = max(time.monotonic() - self._start, 1e-3)
        rate = (self._done - self._before) / seconds
        parts = [f"{self._text}: {self._done:,}"]
        if self._total:
            parts[0] += f" of {self._total:,}"
        parts[0] += f" {self._unit}"
        if rate >= 1:
            parts.append(f"{rate:,.0f}/s")
            if self._done < self._total:
                parts.append(f"{_duration((self._total - self._done) / rate)} left")
        bar = ""
        if self._terminal and self._total:
            filled = min(_BAR, _BAR * self._done // self._total)
            bar = "█" * filled + "░" * (_BAR - filled) + " "
        sys.stderr.write(before + bar + ", ".join(parts) + after)
        sys.stderr.flush()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
