"""The documents, from runs as training leaves them; the test split stands in the selected run already."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kedja.bundle.errors import KedjaError
from kedja.experiments.report.build import Places, build
from kedja.experiments.report.readme import BEGIN, END

MakeRun = Callable[..., Path]


@pytest.fixture
def places(tmp_path: Path, make_run: MakeRun) -> Places:
    for seed in range(3):
        best = make_run("large", seed=seed, wrong=[5] if seed == 1 else [5, 6], parameters=90_000, wall_seconds=30.0)
        make_run("small", seed=seed, wrong=[5, 6, 7 + seed])
        make_run("poor", seed=seed, wrong=list(range(40)))
        shutil.copy(best / "validation.npz", best / "test.npz")
        figures = {"split": "test", "images": 200, "accuracy": {"value": 0.99, "low": 0.97, "high": 1.0}, "loss": 0.1}
        (best / "test.json").write_text(json.dumps(figures))
    make_run("baseline-svm", kind="baseline", wrong=list(range(10)), hyperparameters={"C": 10.0, "scaler": True})
    data = tmp_path / "data" / "shapes"
    data.mkdir(parents=True)
    (data / "dataset.json").write_text(json.dumps({"classes": ["disc", "ring", "square", "star"]}))
    (tmp_path / "README.md").write_text(f"# Title\n{BEGIN}\n{END}\nend\n")
    return Places(
        tmp_path / "runs", tmp_path / "data", tmp_path / "reports", tmp_path / "README.md", tmp_path / "docs/images"
    )


def test_the_best_seed_of_the_best_experiment_is_selected(places: Places) -> None:
    report = build(places)
    assert report.selected.directory == places.runs / "large-00000000" / "seed1"
    stored = json.loads((places.reports / "selection.json").read_text())
    assert stored["run"] == report.selected.directory.as_posix()
    assert stored["test"]["accuracy"]["value"] == 0.99


def test_the_readme_holds_table_pictures_and_analysis(places: Places) -> None:
    assert build(places).readme_renewed
    text = places.readme.read_text()
    assert text.startswith("# Title\n")
    assert text.endswith(f"{END}\nend\n")
    assert "| **large** |" in text
    assert "| baseline-svm (C=10, scaler=yes) |" in text
    assert "99.17 ± 0.29" in text
    for name in ("learning-curves.png", "confusion-matrix.png"):
        with Image.open(places.images / name) as picture:
            assert min(picture.size) > 300
            assert np.asarray(picture.convert("L")).std() > 5


def test_the_analysis_says_what_the_numbers_say(places: Places) -> None:
    analysis = " ".join(build(places).analysis)
    assert "**large** has the highest mean validation accuracy: 99.17 % over 3 seeds" in analysis
    assert "It beats baseline-svm" in analysis
    assert "poor" in analysis.split("It beats")[1].split("No detectable")[0]
    assert "No detectable difference from small" in analysis
    assert "small is the quickest to train: 10.0 s against 30.0 s a run, with 1,000 against 90,000" in analysis
    assert "large, seed 1. On the test split, looked at once, for this run: **99.00 %**" in analysis


def test_twice_changes_nothing(places: Places) -> None:
    build(places)
    first = snapshot(places)
    build(places)
    assert snapshot(places) == first


def test_a_baseline_ahead_is_said_and_the_network_selected(places: Places, make_run: MakeRun) -> None:
    make_run("baseline-forest", kind="baseline", hyperparameters={})
    report = build(places)
    assert report.selected.experiment == "large"
    assert any("baseline-forest is ahead of every network" in sentence for sentence in report.analysis)


def test_missing_markers_leave_the_readme_alone(places: Places) -> None:
    places.readme.write_text("no place\n")
    assert not build(places).readme_renewed
    assert places.readme.read_text() == "no place\n"
    assert not places.images.exists()


def test_baselines_alone_select_nothing(tmp_path: Path, make_run: MakeRun) -> None:
    make_run("baseline-svm", kind="baseline")
    with pytest.raises(KedjaError, match="baselines only"):
        build(Places(runs=tmp_path / "runs", reports=tmp_path / "reports"))


def snapshot(places: Places) -> dict[str, bytes]:
    files = [places.readme, *places.reports.rglob("*"), *places.images.rglob("*")]
    return {path.as_posix(): path.read_bytes() for path in files if path.is_file()}
