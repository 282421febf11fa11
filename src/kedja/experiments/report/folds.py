"""Cross-validation in the report: a table, sentences, and values for the page and for machines."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from kedja.experiments.analysis.cross_validation import Result
from kedja.experiments.report.text import NOTHING, aligned, listing, percent, signed

NOTE = (
    "Accuracy in percent on the folds that training and validation split together were dealt into: mean ± standard "
    "deviation over folds. Intervals and comparisons (paired over folds, in percentage points) are those of the "
    "corrected resampled t-test (Nadeau & Bengio 2003); * marks a difference that is detectable after the correction "
    "for the number of pairs (Holm, 5 %), and so are the intervals of differences. The test split is in no fold."
)
HEADER = ["experiment", "accuracy over folds", "95 % interval", "behind the best", "corrected interval"]


def markdown(results: Sequence[Result]) -> str:
    """Table, note and findings."""
    rows = [HEADER, [":--", *["--:"] * (len(HEADER) - 1)], *map(_row, results)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n\n".join([table, NOTE, "\n".join(f"- {sentence}" for sentence in sentences(results))])


def terminal(results: Sequence[Result]) -> str:
    """The table in aligned columns, and the findings."""
    lines = [aligned([HEADER, *map(_row, results)]), "", *(f"- {sentence}" for sentence in sentences(results))]
    return "\n".join(lines).replace("**", "")


def sentences(results: Sequence[Result]) -> list[str]:
    """What the folds say, best first."""
    best, folds = results[0], len(results[0].runs)
    found = [
        f"Over {folds} folds **{best.label}** has the highest mean accuracy: {percent(best.accuracy.value)} %, 95 % "
        f"interval {percent(best.accuracy.low)} to {percent(best.accuracy.high)}."
    ]
    worse = [_distance(one) for one in results[1:] if one.detectably_worse]
    equal = [_distance(one) for one in results[1:] if not one.detectably_worse]
    if worse:
        found.append(f"Over the folds it beats {listing(worse)}.")
    if equal:
        found.append(f"Over the folds there is no detectable difference from {listing(equal)}.")
    return found


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One entry a configuration."""
    return [
        {
            "experiment": one.label,
            "framework": one.runs[0].framework,
            "config_hash": one.family,
            "seed": one.runs[0].seed,
            "runs": [run.directory.as_posix() for run in one.runs],
            "accuracy": {**asdict(one.accuracy), "by_fold": one.accuracies, "spread": one.spread},
            "behind_best": asdict(one.behind) if one.behind else None,
            "p_adjusted": one.p,
            "detectably_worse": one.detectably_worse,
        }
        for one in results
    ]


def page_values(results: Sequence[Result]) -> dict[str, Any] | None:
    """What the page shows; None without cross-validation."""
    if not results:
        return None
    return {"note": NOTE, "sentences": sentences(results), "experiments": as_json(results)}


def _row(result: Result) -> list[str]:
    behind = result.behind
    mark = " *" if result.detectably_worse else ""
    return [
        result.label,
        f"{percent(result.accuracy.value)} ± {percent(result.spread)}",
        f"{percent(result.accuracy.low)} … {percent(result.accuracy.high)}",
        percent(behind.value) + mark if behind else NOTHING,
        f"{signed(behind.low)} … {signed(behind.high)}" if behind else NOTHING,
    ]


def _distance(result: Result) -> str:
    assert result.behind is not None, "only the best is behind nobody"
    behind = result.behind
    return f"{result.label} (by {percent(behind.value)} points; {signed(behind.low)} to {signed(behind.high)})"
