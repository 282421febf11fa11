"""The report in one look: the figure, the decision, and how sure it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kedja.experiments.analysis.comparisons import Result
from kedja.experiments.report.text import listing, percent
from kedja.frameworks.registry import find
from kedja.runs.read import Run

# An interval wider than this says little of the next examples.
WIDE = 0.1


@dataclass(frozen=True)
class Headline:
    """What a reader takes away who reads nothing else.

    Attributes:
        figure: right answers in a hundred.
        decision: what to do, in one sentence.
        reasons: how sure that is, what the model is weakest at, what else would do.
        share: of right answers: value, low, high in 0…1.
        use: whether the decision is to use the model.
        following: the command that goes on from here.
    """

    figure: str
    decision: str
    reasons: list[str]
    share: dict[str, float]
    use: bool
    following: str


def headline(results: Sequence[Result], selected: Run, evaluation: Mapping[str, Any] | None) -> Headline:
    """Of the selected run; without its `evaluation` (runs still go on) of its experiment so far."""
    chosen = next(one for one in results if selected in one.experiment.runs)
    label = f"{chosen.label}, seed {selected.seed}"
    others = _others(results, chosen)
    if evaluation is None:
        share = {"value": chosen.accuracy.value, "low": chosen.accuracy.low, "high": chosen.accuracy.high}
        reasons = [
            f"{_percents(share)} of the validation {selected.nouns}. Runs may go on; the test split was not looked at."
        ]
        return Headline(
            of_hundred(share["value"]), f"So far {chosen.label} is ahead.", reasons, share, True, "just report"
        )
    share, split = dict(evaluation["accuracy"]), evaluation["split"]
    often = max(evaluation["classes"], key=lambda one: int(one["support"]))
    lazy = often["support"] / evaluation["images"]
    reasons = [_sure(share, split, f"{evaluation['images']:,} {selected.nouns}", selected.nouns)]
    if share["low"] <= lazy:
        decision, use = "Do not use this model yet: it cannot be told from guessing.", False
        reasons.append(f"Always answering “{often['name']}” would be right for {of_hundred(lazy)}.")
        following = f"just audit data={selected.data['name']}"
    else:
        decision, use = f"Use this model: {label}.", True
        reasons += _weakest(evaluation["classes"])
        following = f"just export run={selected.directory.as_posix()}"
    return Headline(of_hundred(share["value"]), decision, [*reasons, *others], share, use, following)


def of_hundred(share: float) -> str:
    """`97 of 100`; all or none only where it is all or none."""
    if share in (0.0, 1.0):
        return f"{round(100 * share)} of 100"
    rounded = round(100 * share)
    if rounded in (0, 100):
        return "more than 99 of 100" if rounded else "less than 1 of 100"
    return f"{rounded} of 100"


def markdown(told: Headline) -> str:
    """As the first lines of a document."""
    return f"**{told.figure} right. {told.decision}** {' '.join(told.reasons)} Next: `{told.following}`"


def _percents(share: Mapping[str, float]) -> str:
    return f"{percent(share['value'])} % right (95 % interval {percent(share['low'])} to {percent(share['high'])})"


def _sure(share: Mapping[str, float], split: str, examples: str, nouns: str) -> str:
    part = "of the test split, which took no part in training or choosing"
    if split != "test":
        part = "of the validation split, which chose the run, so that the figure is a little too good"
    text = (
        f"How sure: {percent(share['value'])} % of {examples} {part}; 95 % interval "
        f"{percent(share['low'])} to {percent(share['high'])}."
    )
    return text + (
        f" That is wide: more {nouns} would say it more exactly." if share["high"] - share["low"] > WIDE else ""
    )


def _weakest(classes: Sequence[Mapping[str, Any]]) -> list[str]:
    shown = [one for one in classes if one["support"]]
    worst = min(shown, key=lambda one: float(one["recall"]))
    if worst["recall"] == 1:
        return []
    right = round(worst["recall"] * worst["support"])
    return [f"Weakest class: “{worst['name']}”, {right} of {worst['support']} right."]


def _others(results: Sequence[Result], chosen: Result) -> list[str]:
    ahead = results[0]
    if find(ahead.experiment.framework).is_baseline:
        return [f"The scikit-learn baseline {ahead.label} is ahead of every network; start from it."]
    equal = [one.label for one in results if one is not chosen and not one.detectably_worse]
    return [f"As good, as far as these {chosen.experiment.first.nouns} tell: {listing(equal)}."] if equal else []
