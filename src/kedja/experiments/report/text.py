"""The table of results: Markdown for documents, aligned columns for terminals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kedja.common.outside import printable
from kedja.common.terminal import width
from kedja.experiments.analysis.comparisons import Result, compare, differing_settings, labels_of
from kedja.frameworks.registry import find
from kedja.runs.read import Experiment, Run, find_experiments, find_tries

NOTHING = "–"
FIGURES = ("validation accuracy", "95 % interval", "behind the best", "seeds", "parameters", "seconds a run")
NOTE = (
    "Validation accuracy in percent: mean ± standard deviation over seeds; the interval is a 95 % bootstrap over "
    "seeds and examples. “Behind the best” is in percentage points; * marks a difference that is detectable (paired, "
    "corrected for the number of comparisons)."
)


def markdown_table(results: list[Result]) -> str:
    """Best first: accuracy ± spread, interval, distance to the best, cost, settings that differ."""
    header, rows = cells(results)
    bold = [[f"**{cell}**" if index == 0 else cell for index, cell in enumerate(row)] for row in rows[:1]]
    rule = [":--", *["--:"] * len(FIGURES), *[":--"] * (len(header) - 1 - len(FIGURES))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *bold, *rows[1:]])


def terminal_table(runs: Path, data: str | None = None) -> str:
    """The results without the settings, in aligned columns: as many as the terminal has room for."""
    results = compare(find_experiments(runs, data))
    rows = [["experiment", *FIGURES], *(_row(result, {}) for result in results)]
    columns = width()
    while columns and len(rows[0]) > 2 and max(map(len, aligned(rows).splitlines())) > columns:
        rows = [row[:-1] for row in rows]
    return aligned(rows)


def tries_text(runs: Path, data: str | None = None) -> str:
    """Runs that are looked at and not compared, named by what differs; empty where there are none."""
    tries = find_tries(runs, data)
    labels = labels_of([*find_experiments(runs, data), *tries])[-len(tries) :] if tries else []
    lines = [
        f"  {label}: {percent(one.mean_accuracy)}, {len(one.runs)} seed{'s' * (len(one.runs) > 1)}"
        for label, one in zip(labels, tries, strict=True)
    ]
    return (
        "\n".join(["tried with fewer seeds or epochs than the same above, and not compared:", *lines]) if tries else ""
    )


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells in columns of equal width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return printable("\n".join("  ".join(row).rstrip() for row in padded))


def listing(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def cells(results: list[Result]) -> tuple[list[str], list[list[str]]]:
    """Header and rows as text."""
    groups = setting_groups([result.experiment for result in results])
    return ["experiment", *FIGURES, *groups], [_row(result, groups) for result in results]


def setting_groups(experiments: Sequence[Experiment]) -> dict[str, list[str]]:
    """Configuration group (`optim`, or the key itself where it stands alone) → its keys that differ."""
    groups: dict[str, list[str]] = {}
    for key in differing_settings(list(experiments)):
        groups.setdefault(key.partition(".")[0], []).append(key)
    return groups


def settings_text(run: Run, keys: Sequence[str]) -> str:
    """The settings of one group in a cell: `adamw, lr 0.003`; what is off or zero is left out."""
    if find(run.framework).is_baseline:
        return NOTHING
    parts = []
    for key in keys:
        value = run.hyperparameters.get(key)
        alone = "." not in key or key.endswith(".name")
        if alone or value:
            parts.append(value_text(value) if alone else f"{key.rpartition('.')[2]} {value_text(value)}")
    return ", ".join(parts) or NOTHING


def percent(share: float, digits: int = 2) -> str:
    """A share as a percentage without its sign: 0.98765 → 98.77."""
    return f"{100 * share:.{digits}f}"


def signed(share: float) -> str:
    """`percent`, with a real minus sign and without a negative zero."""
    return percent(share + 0.0).replace("-", "−")


def value_text(value: Any) -> str:
    """A setting as people write it."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def row_name(result: Result) -> str:
    """The experiment's label; for a baseline with the point of its grid that won."""
    if not find(result.experiment.framework).is_baseline:
        return result.label
    chosen = result.experiment.first.hyperparameters
    return f"{result.label} ({', '.join(f'{key}={value_text(value)}' for key, value in chosen.items())})"


def _row(result: Result, groups: Mapping[str, Sequence[str]]) -> list[str]:
    run = result.experiment.first
    accuracy = percent(result.accuracy.value)
    return [
        row_name(result),
        accuracy if result.spread is None else f"{accuracy} ± {percent(result.spread)}",
        f"{percent(result.accuracy.low)} … {percent(result.accuracy.high)}",
        _behind(result),
        str(len(result.experiment.runs)),
        f"{run.parameters:,}",
        f"{result.seconds:.1f}",
        *(settings_text(run, keys) for keys in groups.values()),
    ]


def _behind(result: Result) -> str:
    if result.behind is None:
        return NOTHING
    return percent(result.behind.value) + (" *" if result.detectably_worse else "")


def short_name(key: str, keys: Sequence[str]) -> str:
    """The last part of a dotted key, where that is unambiguous."""
    last = key.rsplit(".", 1)[-1]
    return last if [other.rsplit(".", 1)[-1] for other in keys].count(last) == 1 else key
