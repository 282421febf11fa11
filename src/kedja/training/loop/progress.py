"""What people see while a run goes on: a bar on a terminal, a plain line an epoch elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any, Self

LINES_EVERY = 1.0  # seconds between plain lines, so that a log of short epochs stays readable

BAR_EVERY = 0.1  # seconds


class PlainProgress:
    """One line an epoch, at most one a second, and always the last."""

    def __init__(self, steps: int, epochs: int) -> None:
        self.steps, self.epochs, self._printed = steps, epochs, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def wants_step(self) -> bool:
        """Whether `step` should be called: fetching its numbers makes a GPU wait."""
        return False

    def step(self, step: int, loss: float, accuracy: float, images_per_second: float) -> None:
        """The totals of the epoch so far."""

    def epoch(self, line: dict[str, Any]) -> None:
        now = time.monotonic()
        if now - self._printed >= LINES_EVERY or line["epoch"] == self.epochs:
            self._printed = now
            print(self.describe(line), flush=True)

    def describe(self, line: dict[str, Any]) -> str:
        return (
            f"epoch {line['epoch']:>3}/{self.epochs}  loss {line['train_loss']:.4f}  "
            f"accuracy {line['train_accuracy']:.2%}  validation {line['val_accuracy']:.2%} "
            f"(loss {line['val_loss']:.4f})  {line['images_per_second']:.0f} images/s"
        )


class BarProgress(PlainProgress):
    """A bar over the steps of the whole run, with the time left."""

    def __init__(self, steps: int, epochs: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__(steps, epochs)
        self._bar = Progress(
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn(), transient=True
        )
        self._task = self._bar.add_task("starting", total=steps)
        self._drawn = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def wants_step(self) -> bool:
        return time.monotonic() - self._drawn >= BAR_EVERY

    def step(self, step: int, loss: float, accuracy: float, images_per_second: float) -> None:
        self._drawn = time.monotonic()
        text = f"loss {loss:.4f}  accuracy {accuracy:.2%}  {images_per_second:.0f} images/s"
        self._bar.update(self._task, completed=step, description=text)

    def epoch(self, line: dict[str, Any]) -> None:
        self._bar.console.print(self.describe(line), highlight=False, soft_wrap=True)


class NoProgress(PlainProgress):
    """For all processes but the first."""

    def epoch(self, line: dict[str, Any]) -> None:
        pass


def progress(steps: int, epochs: int, quiet: bool = False) -> PlainProgress:
    """The kind that suits standard output."""
    if quiet:
        return NoProgress(steps, epochs)
    return BarProgress(steps, epochs) if sys.stdout.isatty() else PlainProgress(steps, epochs)
