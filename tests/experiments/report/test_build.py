"""The documents, from runs as training leaves them; the final figures of the test split stand there already."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kedja.common.errors import KedjaError
from kedja.data.prepared import PreparedDataset
from kedja.experiments.analysis import evaluate_run
from kedja.experiments.analysis.corruptions import Robustness
from kedja.experiments.report import build as building
from kedja.experiments.report.build import Places, build
from kedja.experiments.report.readme import BEGIN, END

MakeRun = Callable[..., Path]


@pytest.fixture
def places(
    workplace: Path,
    digits: PreparedDataset,
    make_run: MakeRun,
    finish_test: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Places:
    # No network lies in these runs; tests/experiments/test_stage.py corrupts images for a real one.
    monkeypatch.setattr(evaluate_run, "_robustness", lambda *_: [Robustness("noise", s, 0.9) for s in (1, 2, 3)])
    for seed in range(3):
        wrong = [5] if seed == 1 else [5, 6]
        best = make_run("large", seed=seed, wrong=wrong, dataset=digits, parameters=90_000, wall_seconds=30.0)
        make_run("small", seed=seed, wrong=[5, 6, 7 + seed], dataset=digits)
        make_run("poor", seed=seed, wrong=list(range(40)), dataset=digits)
        finish_test(best, [3, 9])
    settings = {"C": 10.0, "scaler": True}
    make_run("baseline-svm", framework="sklearn", wrong=list(range(12)), dataset=digits, hyperparameters=settings)
    (workplace / "README.md").write_text(f"# Title\n{BEGIN}\n{END}\nend\n")
    return Places(readme=Path("README.md"))


def test_the_best_seed_of_the_best_experiment_is_selected(places: Places) -> None:
    report = build(places)
    assert report.selected.directory == places.runs / "large-00000000" / "seed1"
    stored = json.loads((places.reports / "selection.json").read_text())
    assert stored["run"] == "runs/large-00000000/seed1"
    assert stored["test"]["accuracy"]["value"] == report.test["accuracy"]["value"]


def test_the_readme_holds_table_pictures_and_analysis(places: Places) -> None:
    build(places)
    assert places.readme is not None
    text = places.readme.read_text()
    assert text.startswith("# Title\n")
    assert text.endswith(f"{END}\nend\n")
    assert "| **large** | 99.38 ± 0.21 |" in text
    assert re.search(r"\| baseline-svm \(C=10, scaler=yes\) \| .* \| – \|\n", text)
    for address in re.findall(r"!\[.+\]\((.+)\)", text):
        with Image.open(places.readme.parent / address) as picture:
            assert min(picture.size) > 300
            assert np.asarray(picture.convert("L")).std() > 5


def test_the_analysis_says_what_the_numbers_say(places: Places) -> None:
    analysis = " ".join(build(places).analysis)
    assert "**large** has the highest mean validation accuracy: 99.38 % over 3 seeds" in analysis
    beaten, equal = analysis.split("It beats")[1].split("No detectable difference from")
    assert "baseline-svm" in beaten
    assert "poor" in beaten
    assert "small (by 0.49 points" in equal
    assert "small is the quickest to train: 10.0 s against 30.0 s a run, with 1,000 against 90,000" in analysis
    assert "large, seed 1. On the test split, looked at once, for this run: **99.25 %** of 268 images" in analysis


def test_twice_changes_nothing(places: Places) -> None:
    build(places)
    first = snapshot(places)
    build(places)
    assert snapshot(places) == first


def test_a_baseline_ahead_is_said_and_the_network_selected(
    places: Places, make_run: MakeRun, digits: PreparedDataset
) -> None:
    make_run("baseline-forest", framework="sklearn", dataset=digits, hyperparameters={"variance": 0.8})
    report = build(places)
    assert report.selected.experiment == "large"
    assert any("baseline-forest is ahead of every network" in sentence for sentence in report.analysis)


def test_without_a_test_split_there_are_no_final_figures(
    places: Places, digits: PreparedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = np.where(digits.splits == "test", "train", digits.splits)
    monkeypatch.setattr(building, "load", lambda folder: replace(digits, splits=splits))
    report = build(places)
    assert report.test is None
    assert "No test split was looked at" in report.analysis[-1]
    assert json.loads((places.reports / "selection.json").read_text())["test"] is None
    assert (report.selected.directory / "evaluation-validation.json").is_file()


def test_results_go_to_reports_alone_unless_asked(places: Places, workplace: Path) -> None:
    before = (workplace / "README.md").read_bytes()
    build(replace(places, readme=None))
    assert (workplace / "README.md").read_bytes() == before
    assert not places.images.exists()
    assert (places.reports / "report.html").is_file()


def test_missing_markers_leave_the_readme_alone(places: Places) -> None:
    assert places.readme is not None
    places.readme.write_text("no place\n")
    with pytest.raises(KedjaError, match="no place for the results"):
        build(places)
    assert places.readme.read_text() == "no place\n"
    assert not places.images.exists()


def test_baselines_alone_select_nothing(tmp_path: Path, make_run: MakeRun) -> None:
    make_run("baseline-svm", framework="sklearn")
    with pytest.raises(KedjaError, match="baselines only"):
        build(Places(runs=tmp_path / "runs", reports=tmp_path / "reports"))


def snapshot(places: Places) -> dict[str, bytes]:
    assert places.readme is not None
    files = [places.readme, *places.reports.rglob("*"), *places.images.rglob("*")]
    return {path.as_posix(): path.read_bytes() for path in files if path.is_file()}
