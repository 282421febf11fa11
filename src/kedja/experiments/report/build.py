"""Everything the report consists of, made from `runs/` and put in its places."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kedja.common.files import write_bytes
from kedja.data.prepared import load
from kedja.experiments.analysis import select
from kedja.experiments.analysis.comparisons import Result, compare
from kedja.experiments.analysis.cross_validation import cross_validate
from kedja.experiments.analysis.evaluate_run import evaluate_run
from kedja.experiments.analysis.learning_curve import learning_curve
from kedja.experiments.report import figures, folds, html_page, more_data
from kedja.experiments.report.analysis import sentences
from kedja.experiments.report.headline import headline, markdown
from kedja.experiments.report.readme import renew
from kedja.experiments.report.text import NOTE, markdown_table
from kedja.runs.read import Run, find_experiments

CURVES = "learning-curves.png"
CONFUSION = "confusion-matrix.png"


@dataclass(frozen=True)
class Places:
    """Where things are read and written; `readme` and `images` only where there is a `readme`."""

    runs: Path = Path("runs")
    data: Path = Path("data")
    reports: Path = Path("reports")
    readme: Path | None = None
    images: Path = Path("docs/images")


@dataclass(frozen=True)
class Report:
    """What was found and written."""

    results: list[Result]
    selected: Run
    test: dict[str, Any] | None
    analysis: list[str]


def build(places: Places, data: str | None = None) -> Report:
    """Compare the finished runs, look at the test split for the selected one (once), write all documents.

    Raises:
        KedjaError: no finished run.
    """
    experiments = find_experiments(places.runs, data)
    selected = select.best_of(experiments, places.runs)
    dataset = load(places.data / selected.data["name"])
    # A source that brings its own splits may bring no test split; then there are no final figures.
    split = "test" if len(dataset.split("test")) else "validation"
    test = select.test_figures(selected.directory) if split == "test" else None
    evaluation = evaluate_run(selected, dataset, split)
    results = compare(experiments)
    analysis = sentences(results, selected, test)
    title = f"{selected.experiment}, seed {selected.seed}: {split} split"
    pictures = {
        CURVES: figures.learning_curves(results),
        CONFUSION: figures.confusion_matrix(selected.predictions(split), dataset.classes, title),
    }
    validated = cross_validate(places.runs, dataset.name)
    curve = learning_curve(places.runs, dataset)
    page = html_page.page_data(results, selected, analysis, html_page.with_pictures(evaluation, dataset))
    page |= {"folds": folds.page_values(validated), "more": more_data.values(curve)}
    of_data = f"\n\n## More data\n\n{more_data.markdown(curve)}" if curve else ""
    of_folds = f"\n\n## Cross-validation\n\n{folds.markdown(validated)}" if validated else ""
    section = _section(results, analysis, ".", heading="##")
    told = markdown(headline(results, selected, evaluation))
    documents = {
        "report.md": f"# Experiments on {dataset.name}\n\n{told}\n\n{section}{of_folds}{of_data}\n",
        "report.html": html_page.render(page),
        "selection.json": _json_text(selection(selected, test)),
        "results.json": _json_text([as_json(result) for result in results]),
    }
    if validated:
        documents["cross-validation.json"] = _json_text(folds.as_json(validated))
    if curve:
        documents["learning-curve.json"] = _json_text(more_data.values(curve))
    _write_if_changed(places.reports, {name: text.encode() for name, text in documents.items()} | pictures)
    if places.readme is not None:
        prefix = Path(os.path.relpath(places.images, places.readme.parent)).as_posix()
        renew(places.readme, _section(results, analysis, prefix, heading="###"))
        _write_if_changed(places.images, pictures)
    return Report(results, selected, test, analysis)


def selection(selected: Run, test: dict[str, Any] | None) -> dict[str, Any]:
    """Which run was selected, by what, and its figures."""
    return {
        "run": selected.directory.as_posix(),
        "experiment": selected.experiment,
        "seed": selected.seed,
        "criterion": "best mean validation accuracy over seeds, then the best seed",
        "validation": selected.validation,
        "test": test,
        "data": selected.data,
    }


def as_json(result: Result) -> dict[str, Any]:
    """One experiment for machines."""
    experiment = result.experiment
    return {
        "experiment": experiment.name,
        "config_hash": experiment.config_hash,
        "framework": experiment.framework,
        "seeds": [run.seed for run in experiment.runs],
        "runs": [run.directory.as_posix() for run in experiment.runs],
        "hyperparameters": experiment.first.hyperparameters,
        "validation_accuracy": {**asdict(result.accuracy), "by_seed": experiment.accuracies, "spread": result.spread},
        "behind_best": asdict(result.behind) if result.behind else None,
        "p_adjusted": result.p,
        "detectably_worse": result.detectably_worse,
        "parameters": experiment.first.parameters,
        "wall_seconds": [run.wall_seconds for run in experiment.runs],
        "joules": result.joules,
    }


def _section(results: list[Result], analysis: list[str], images: str, heading: str) -> str:
    findings = "\n".join(f"- {sentence}" for sentence in analysis)
    return "\n\n".join(
        [
            markdown_table(results),
            NOTE,
            f"{heading} What the numbers say",
            findings,
            f"![Validation loss and accuracy by epoch]({images}/{CURVES})",
            f"![Confusion matrix of the selected run]({images}/{CONFUSION})",
        ]
    )


def _json_text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _write_if_changed(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            write_bytes(path, content)
