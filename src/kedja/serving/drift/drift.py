"""Compare what is served with what the model was trained on, off the path of the request.

A worker that has predicted a batch puts a few of its examples aside, so many a second and no more. A thread of its own
measures them and counts them in the bins of the bundle's reference.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kedja.bundle.inputs.input import Example, Feed, Values, length
from kedja.bundle.known import Answers
from kedja.bundle.reference import Counts, of_answers
from kedja.serving.drift.window import Board, Window
from kedja.serving.predictor import Predictor
from kedja.serving.settings import Settings

logger = logging.getLogger(__name__)

# So many images may come at once after a quiet time: few enough that they hardly need memory.
_BURST = 32
_SECONDS_BETWEEN_COUNTS = 1.0


@dataclass(frozen=True)
class Sample:
    """Examples as the model saw them and what else is known of them, what was answered, and who answered."""

    predictor: Predictor
    feed: Feed
    facts: Values
    answers: Values


class Monitor:
    """One process's window of what it serves.

    Args:
        predictor: whose bundle holds the reference; may be replaced at any time by assignment, which begins a new
            window. Without a reference nothing is counted.
    """

    def __init__(self, settings: Settings, predictor: Predictor, board: Board) -> None:
        self.predictor = predictor
        self.on = settings.drift > 0
        self._settings = settings
        self._board = board
        self._allowance = Allowance(settings.drift)
        self._waiting: deque[Sample] = deque()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="kedja-drift", daemon=True)

    def start(self) -> None:
        if self.on:
            self._thread.start()

    def stop(self) -> None:
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def offer(self, predictor: Predictor, examples: Sequence[Example], answers: Answers) -> None:
        """Put aside as many of a batch as are due; called by the threads that predict."""
        if not self.on or predictor.reference is None:
            return
        taken = self._allowance.take(len(examples))
        if taken:
            seen, some = predictor.metadata.input, examples[:taken]
            # Copies: what is a view of a request's body would keep the whole of it in memory.
            familiarity = None if answers.familiarity is None else answers.familiarity[:taken]
            said = of_answers(answers.probabilities[:taken], familiarity)
            sample = Sample(predictor, seen.collate(some), seen.facts(some), said)
            self._waiting.append(sample)

    def counts(self, predictor: Predictor) -> Counts:
        """How many images of all processes fell into each bin of the predictor's reference, int64 (bins,)."""
        reference = predictor.reference
        return self._board.total(predictor.metadata.version, reference.bins if reference else 0)

    def _work(self) -> None:
        served, window = None, None
        while not self._closing.wait(_SECONDS_BETWEEN_COUNTS):
            try:
                if self.predictor is not served:
                    served, window = self.predictor, self._new_window(self.predictor)
                if window is not None:
                    self._count(served, window)
            except Exception:
                logger.exception("drift was not measured")

    def _new_window(self, predictor: Predictor) -> Window | None:
        if predictor.reference is None:
            return None
        return Window(predictor.reference.bins, self._settings.drift_images, 60 * self._settings.drift_minutes)

    def _count(self, predictor: Predictor, window: Window) -> None:
        now = time.monotonic()
        samples = [self._waiting.popleft() for _ in range(len(self._waiting))]
        # A batch keeps the predictor that it began with, whose bins may be others.
        samples = [sample for sample in samples if sample.predictor is predictor]
        if samples:
            counts = np.sum([_measure(sample) for sample in samples], axis=0)
            window.add(now, sum(length(sample.feed) for sample in samples), counts)
        window.forget_old(now)
        self._board.publish(predictor.metadata.version, window.counts)


class Allowance:
    """So many images a second, and a few more after a quiet time. Safe to use from many threads."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left = float(_BURST)
        self._since = self._due = time.monotonic()
        self._lock = threading.Lock()

    def take(self, wanted: int) -> int:
        """How many of `wanted` images are due now."""
        now = time.monotonic()
        # Under load nearly every batch comes too early, and is not to wait for the lock.
        if now < self._due:
            return 0
        with self._lock:
            self._left = min(_BURST, self._left + (now - self._since) * self._rate)
            self._since = now
            taken = min(wanted, int(self._left))
            self._left -= taken
            self._due = now + max(0.0, 1 - self._left) / self._rate
            return taken


def _measure(sample: Sample) -> Counts:
    assert sample.predictor.reference is not None
    seen = sample.predictor.metadata.input.features(sample.feed)
    return sample.predictor.reference.count(seen | sample.facts | sample.answers)
