"""The table of results: Markdown for documents, aligned columns for terminals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedja.experiments.comparisons import Result, compare, differing_settings
from kedja.experiments.runs import find_experiments

MOST_SETTINGS = 7
NOTHING = "–"
NOTE = (
    "Validation accuracy in percent: mean ± standard deviation over seeds; the interval is a 95 % bootstrap over "
    "seeds and images. “Behind the best” is in percentage points; * marks a difference that is detectable (paired, "
    "corrected for the number of comparisons)."
)


def markdown_table(results: list[Result]) -> str:
    """Best first: settings that differ, accuracy ± spread, interval, distance to the best, cost."""
    header, rows = cells(results)
    bold = [[f"**{cell}**" if index == 0 else cell for index, cell in enumerate(row)] for row in rows[:1]]
    numeric = 1 + len(_settings(results))
    rule = [":--" if index < numeric else "--:" for index in range(len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *bold, *rows[1:]])


def terminal_table(runs: Path, data: str | None = None) -> str:
    """The same in aligned columns."""
    header, rows = cells(compare(find_experiments(runs, data)))
    widths = [max(len(row[index]) for row in [header, *rows]) for index in range(len(header))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in [header, *rows]]
    return "\n".join("  ".join(row).rstrip() for row in padded)


def cells(results: list[Result]) -> tuple[list[str], list[list[str]]]:
    """Header and rows as text."""
    settings = _settings(results)
    header = [
        "experiment",
        *(short_name(key, settings) for key in settings),
        "validation accuracy",
        "95 % interval",
        "behind the best",
        "seeds",
        "parameters",
        "seconds a run",
    ]
    return header, [_row(result, settings) for result in results]


def percent(share: float, digits: int = 2) -> str:
    """A share as a percentage without its sign: 0.98765 → 98.77."""
    return f"{100 * share:.{digits}f}"


def value_text(value: Any) -> str:
    """A setting as people write it."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _row(result: Result, settings: Sequence[str]) -> list[str]:
    experiment = result.experiment
    hyperparameters = experiment.first.hyperparameters
    name, own = result.label, settings
    if experiment.kind == "baseline":
        point = ", ".join(f"{key}={value_text(value)}" for key, value in hyperparameters.items())
        name, own = f"{result.label} ({point})", []
    accuracy = percent(result.accuracy.value)
    return [
        name,
        *(value_text(hyperparameters.get(key)) if key in own else NOTHING for key in settings),
        accuracy if result.spread is None else f"{accuracy} ± {percent(result.spread)}",
        f"{percent(result.accuracy.low)} … {percent(result.accuracy.high)}",
        _behind(result),
        str(len(experiment.runs)),
        f"{experiment.first.parameters:,}",
        f"{result.seconds:.1f}",
    ]


def _behind(result: Result) -> str:
    if result.behind is None:
        return NOTHING
    return percent(result.behind.value) + (" *" if result.detectably_worse else "")


def _settings(results: list[Result]) -> list[str]:
    return differing_settings([result.experiment for result in results])[:MOST_SETTINGS]


def short_name(key: str, keys: Sequence[str]) -> str:
    """The last part of a dotted key, where that is unambiguous."""
    last = key.rsplit(".", 1)[-1]
    return last if [other.rsplit(".", 1)[-1] for other in keys].count(last) == 1 else key
