"""One self-contained HTML page: data, styles, scripts and pictures inside; opens from disk, asks no other address."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kedja.common.intervals import wilson
from kedja.common.look import page as look
from kedja.data.prepared import PreparedDataset
from kedja.experiments.analysis.comparisons import Result, differing_settings
from kedja.experiments.report.headline import headline
from kedja.experiments.report.text import NOTE, row_name, setting_groups, settings_text, short_name
from kedja.frameworks.registry import find
from kedja.runs.read import Run, read_provenance

_PARTS = Path(__file__).parent / "page"
CURVES = ("val_accuracy", "val_loss", "train_loss")


def render(data: Mapping[str, Any], reload_seconds: float | None = None) -> str:
    """The page that shows `data` (see `page_data`); it reloads itself where that is asked."""
    content = json.dumps(data, ensure_ascii=False, allow_nan=False)
    # Inside <script> only `<` could end the element; a class may be called anything.
    parts = {
        look.MARK: look.inside(_read("page.css")),
        "/*icon*/": look.icon_address(),
        "/*charts*/": _read("charts.js"),
        "/*script*/": _read("page.js"),
        "/*evaluation*/": _read("evaluation.js"),
        "/*data*/": content.replace("<", "\\u003c"),
    }
    page = _read("page.html")
    if reload_seconds is not None:
        page = page.replace("<title>", f'<meta http-equiv="refresh" content="{reload_seconds:g}">\n<title>', 1)
    for mark, text in parts.items():
        before, _, after = page.partition(mark)
        page = before + text + after
    return page


def page_data(
    results: Sequence[Result],
    selected: Run,
    analysis: Sequence[str],
    evaluation: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What the page shows, as JSON values; `evaluation` as `with_pictures` returns it.

    `folds` (cross-validation) and `more` (learning curve) are the caller's to fill in, where there are any.
    """
    experiments = [result.experiment for result in results]
    settings, groups = differing_settings(experiments), setting_groups(experiments)
    chosen = next(one for one in results if selected in one.experiment.runs)
    return {
        "data": selected.data["name"],
        "headline": asdict(headline(results, selected, evaluation)),
        "analysis": list(analysis),
        "note": NOTE,
        "settings": settings,
        "short": {key: short_name(key, settings) for key in settings},
        "groups": list(groups),
        "experiments": [_experiment(result, settings, groups) for result in results],
        "selected": {"label": chosen.label, "seed": selected.seed, "run": selected.directory.as_posix()},
        "folds": None,
        "more": None,
        "running": [],
        "evaluation": evaluation,
    }


def with_pictures(evaluation: Mapping[str, Any], dataset: PreparedDataset) -> dict[str, Any]:
    """The evaluation with each mistake as HTML that shows it, and intervals for the calibration."""
    index_of = {identity: index for index, identity in enumerate(dataset.ids)}
    mistakes = [
        {**mistake, "picture": dataset.stored.picture(index_of[mistake["id"]], mistake["id"])}
        for mistake in evaluation["mistakes"]
        if mistake["id"] in index_of
    ]
    parts = {name: _with_intervals(part) for name, part in evaluation["calibration"].items()}
    return {**evaluation, "mistakes": mistakes, "calibration": parts, "nouns": dataset.input.nouns}


def _with_intervals(part: Mapping[str, Any]) -> dict[str, Any]:
    """The calibration with Wilson's 95 % interval for the share of right answers in each bin."""
    bins = []
    for one in part["bins"]:
        low, high = wilson(round(one["accuracy"] * one["count"]), one["count"])
        bins.append({**one, "low": low, "high": high})
    return {**part, "bins": bins}


def _experiment(result: Result, settings: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    experiment = result.experiment
    own = experiment.first.hyperparameters
    behind, baseline = result.behind, find(experiment.framework).is_baseline
    return {
        "label": result.label,
        "baseline": baseline,
        "settings": {} if baseline else {key: own.get(key) for key in settings},
        "groups": {name: settings_text(experiment.first, keys) for name, keys in groups.items()},
        "name": row_name(result),
        "accuracy": {"value": result.accuracy.value, "low": result.accuracy.low, "high": result.accuracy.high},
        "by_seed": experiment.accuracies,
        "spread": result.spread,
        "behind": {"value": behind.value, "low": behind.low, "high": behind.high} if behind else None,
        "p": result.p,
        "worse": result.detectably_worse,
        "parameters": experiment.first.parameters,
        "seconds": result.seconds,
        "curves": _curves(experiment.runs),
        "runs": [_run(run) for run in experiment.runs],
    }


def _curves(runs: Sequence[Run]) -> dict[str, list[list[float]]]:
    histories = [history for run in runs if (history := run.metrics())]
    return {key: [[float(f"{line[key]:.6g}") for line in history] for history in histories] for key in CURVES}


def _run(run: Run) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "accuracy": run.validation["accuracy"],
        "command": f"just reproduce run={run.directory.as_posix()}",
        "provenance": {"folder": run.directory.as_posix(), **read_provenance(run.directory)},
    }


def _read(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")
