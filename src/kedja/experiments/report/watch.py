"""The page while runs go on: renewed when anything changes, without a look at the test split."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError
from kedja.common.files import write_text
from kedja.experiments.analysis.comparisons import compare
from kedja.experiments.analysis.cross_validation import cross_validate
from kedja.experiments.analysis.select import best_of
from kedja.experiments.housekeeping import unfinished
from kedja.experiments.report import folds, html_page
from kedja.experiments.report.analysis import sentences
from kedja.runs.folder import METRICS, SUMMARY
from kedja.runs.read import find_experiments, read_metrics

SECONDS = 3.0


def watch(runs: Path, page: Path, data: str | None, say: Callable[[str], None]) -> None:
    """Write `page` whenever a run has got further, until interrupted; the page reloads itself."""
    seen: Any = None
    while True:
        state = _state(runs)
        if state != seen:
            try:
                preview(runs, page, data)
                say(f"{page} renewed: {_text(runs)}")
            except KedjaError as error:
                say(f"nothing to show yet: {error.problem}")
            seen = state
        time.sleep(SECONDS)


def preview(runs: Path, page: Path, data: str | None = None) -> None:
    """The page of what is finished so far, and how far the others are.

    The best run may still change, so its test split stays unread; `just report` looks at it in the end.

    Raises:
        KedjaError: no network is finished yet.
    """
    experiments = find_experiments(runs, data)
    selected = best_of(experiments, runs)
    results = compare(experiments)
    validated = cross_validate(runs, data)
    content = html_page.page_data(results, selected, sentences(results, selected, None), None)
    content["folds"] = folds.page_values(validated)
    content["running"] = [progress(folder) for folder in unfinished(runs)]
    write_text(page, html_page.render(content, reload_seconds=SECONDS))


def progress(folder: Path) -> dict[str, Any]:
    """How far an unfinished run is."""
    epochs = read_metrics(folder)
    accuracy = epochs[-1]["val_accuracy"] if epochs else None
    return {"name": f"{folder.parent.name}/{folder.name}", "epochs": len(epochs), "accuracy": accuracy}


def _state(runs: Path) -> list[tuple[str, int, int]]:
    files = [path for name in (SUMMARY, METRICS) for path in runs.glob(f"*/seed*/{name}")]
    return sorted((str(path), (status := path.stat()).st_mtime_ns, status.st_size) for path in files)


def _text(runs: Path) -> str:
    finished = len(list(runs.glob(f"*/seed*/{SUMMARY}")))
    return f"{finished} runs finished, {len(unfinished(runs))} not"
