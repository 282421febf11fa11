"""A display that also does something after each run that has finished, such as renewing the report."""

from collections.abc import Callable

from kedja.experiments.launch.pool import Display, Outcome


class Renewing:
    """`shown`, and `after` whenever a run has finished."""

    def __init__(self, shown: Display, after: Callable[[], None]) -> None:
        self.started, self.tick, self._shown, self._after = shown.started, shown.tick, shown, after

    def ended(self, outcome: Outcome) -> None:
        self._shown.ended(outcome)
        if not outcome.failed:
            self._after()
