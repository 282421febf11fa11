"""Sending finished runs to a tracker: each once, and what cannot be sent now is sent next time."""

from collections.abc import Sequence
from dataclasses import dataclass

from kedja.experiments.trackers import tracker
from kedja.experiments.trackers.feed import Feed
from kedja.experiments.trackers.tracker import Settings
from kedja.runs.read import Run

MOST_IN_A_ROW = 3


@dataclass(frozen=True)
class Outcome:
    """How many runs went out, how many were there already, and what went wrong with the others."""

    sent: int
    present: int
    problems: list[str]


def publish(name: str, runs: Sequence[Run], settings: Settings) -> Outcome:
    """Send what the tracker `name` lacks of the runs. One that cannot be sent is reported, and stops no other;
    only after three in a row the tracker is taken for down.

    Raises:
        KedjaError: there is no such tracker, or its package is not installed.
    """
    tracker.check(name)
    sent, present, in_a_row, problems = 0, 0, 0, []
    for number, run in enumerate(runs):
        if in_a_row == MOST_IN_A_ROW:
            problems.append(f"{len(runs) - number} more were not tried")
            break
        feed = Feed(run.directory, name, settings)
        if feed.sent and feed.sent.finished:
            present += 1
            continue
        try:
            feed.finish()
        except Exception as error:  # noqa: BLE001 - whatever a tracker's client raises, the run itself is done and kept
            in_a_row += 1
            problems.append(f"{run.directory}: {first_line(error)}")
            continue
        sent, in_a_row = sent + 1, 0
    return Outcome(sent, present, problems)


def first_line(error: Exception) -> str:
    """The kind of an error and what it says, in one short line."""
    text = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {text[:160]}"
