"""Sentences written from the numbers: what differs, by how much, and whether that means anything."""

from collections.abc import Mapping
from typing import Any

from kedja.experiments.analysis.comparisons import Result
from kedja.experiments.analysis.statistics import pairs
from kedja.experiments.report.text import listing, percent, signed
from kedja.frameworks.registry import find
from kedja.runs.read import Run


def sentences(results: list[Result], selected: Run, test: Mapping[str, Any] | None) -> list[str]:
    """One finding each, best experiment first in `results`; `test`: the selected run's final figures, if any."""
    return [
        *_leader(results),
        *_detectable(results),
        *_undetectable(results),
        *_cheapest(results),
        *_energy(results),
        *_baselines(results),
        *_overfitting(results),
        _final(selected, test),
    ]


def _leader(results: list[Result]) -> list[str]:
    best = results[0]
    spread = f", standard deviation {percent(best.spread)}" if best.spread is not None else ""
    return [
        f"**{best.label}** has the highest mean validation accuracy: {percent(best.accuracy.value)} % over "
        f"{_count(len(best.experiment.runs), 'seed')}{spread}, 95 % interval {percent(best.accuracy.low)} to "
        f"{percent(best.accuracy.high)} over seeds and {best.experiment.first.nouns}."
    ]


def _detectable(results: list[Result]) -> list[str]:
    worse = [result for result in results if result.detectably_worse]
    if not worse:
        return []
    parts = [f"{result.label} ({_points(result)})" for result in worse]
    nouns = results[0].experiment.first.nouns
    return [
        f"It beats {listing(parts)}: differences that other seeds and other {nouns} do not explain "
        f"(paired over {nouns}; intervals and verdicts at the 5 % level, Holm-corrected for "
        f"{_count(pairs(len(results)), 'pair')} to choose from)."
    ]


def _undetectable(results: list[Result]) -> list[str]:
    equal = [result for result in results[1:] if not result.detectably_worse]
    if not equal:
        return []
    parts = [f"{result.label} ({_points(result)})" for result in equal]
    runner_up = equal[0]
    text = f"No detectable difference from {listing(parts)}."
    spreads = [one.spread for one in (results[0], runner_up) if one.spread is not None]
    if runner_up.behind is not None and spreads:
        relation = "more" if runner_up.behind.value > max(spreads) else "no more"
        text += (
            f" The lead over {runner_up.label} is {relation} than the spread over seeds "
            f"({percent(runner_up.behind.value)} against {percent(max(spreads))} points)."
        )
    return [text]


def _cheapest(results: list[Result]) -> list[str]:
    equal = [one for one in results if not one.detectably_worse and not find(one.experiment.framework).is_baseline]
    if len(equal) < 2:
        return []
    cheapest = min(equal, key=lambda result: result.seconds)
    if cheapest is equal[0]:
        return [f"{cheapest.label} is also the quickest to train of the networks that are not detectably worse."]
    small, large = (one.experiment.first.parameters for one in (cheapest, equal[0]))
    size = f", with {small:,} against {large:,} parameters" if small != large else ""
    return [
        f"Of the networks that are not detectably worse, {cheapest.label} is the quickest to train: "
        f"{cheapest.seconds:.1f} s against {equal[0].seconds:.1f} s a run{size}."
    ]


def _energy(results: list[Result]) -> list[str]:
    counted = [result for result in results if result.joules]
    if counted:
        parts = [f"{one.label} {' and '.join(_joules(*part) for part in one.joules.items())}" for one in counted]
        return [f"Energy a run, with whatever else the hardware did meanwhile: {listing(parts)}."]
    reasons = dict.fromkeys(
        why for one in results for run in one.experiment.runs for why in run.energy.get("unreadable", {}).values()
    )
    return [f"Energy is not readable here: {'; '.join(reasons)}."] if reasons else []


def _joules(part: str, joules: float) -> str:
    amount = f"{joules / 1000:.1f} kJ" if joules >= 10_000 else f"{joules:.0f} J"
    return f"{amount} ({part.upper()})"


def _baselines(results: list[Result]) -> list[str]:
    baseline = next((one for one in results if find(one.experiment.framework).is_baseline), None)
    if baseline is None:
        return []
    if baseline is results[0]:
        return [f"The scikit-learn baseline {baseline.label} is ahead of every network; start from it."]
    verdict = "detectably worse than" if baseline.detectably_worse else "not detectably worse than"
    return [
        f"The best scikit-learn baseline, {baseline.label}, reaches {percent(baseline.accuracy.value)} % in "
        f"{baseline.seconds:.1f} s: {verdict} {results[0].label}."
    ]


def _overfitting(results: list[Result]) -> list[str]:
    trained = [one for one in results if not find(one.experiment.framework).is_baseline]
    if not trained:
        return []
    gaps = {one.label: _gap(one) for one in trained}
    label = max(gaps, key=lambda name: gaps[name])
    if gaps[label] <= 0:
        return ["No network is more accurate on the training split (as augmented) than on the validation split."]
    return [f"The widest gap between training and validation accuracy is {label}'s: {percent(gaps[label])} points."]


def _final(selected: Run, test: Mapping[str, Any] | None) -> str:
    if test is None:
        return (
            f"Ahead by validation accuracy: {selected.experiment}, seed {selected.seed}. No test split was looked at; "
            "a figure that chose the run is a little too good."
        )
    accuracy = test["accuracy"]
    return (
        f"Selected by validation accuracy alone: {selected.experiment}, seed {selected.seed}. On the test split, "
        f"looked at once, for this run: **{percent(accuracy['value'])} %** of {test['images']:,} {selected.nouns} "
        f"right, 95 % interval {percent(accuracy['low'])} to {percent(accuracy['high'])}."
    )


def _gap(result: Result) -> float:
    runs = result.experiment.runs
    return sum(run.train["accuracy"] - run.validation["accuracy"] for run in runs) / len(runs)


def _points(result: Result) -> str:
    assert result.behind is not None, "only the best experiment is behind nobody"
    behind = result.behind
    return f"by {percent(behind.value)} points; {signed(behind.low)} to {signed(behind.high)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
