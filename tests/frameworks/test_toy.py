"""A framework that is registered at run time goes from a run to a bundle whose golden examples a server checks."""

from pathlib import Path

import numpy as np
import pytest

from kedja.bundle.integrity import verify_golden
from kedja.bundle.metadata import load as load_bundle
from kedja.common.errors import KedjaError
from kedja.data.prepared import load
from kedja.experiments.analysis import select
from kedja.experiments.analysis.comparisons import compare
from kedja.experiments.analysis.evaluate_run import evaluate_run
from kedja.experiments.housekeeping import listing
from kedja.experiments.report.analysis import sentences
from kedja.experiments.report.text import terminal_table
from kedja.export.bundle import export
from kedja.export.source import is_exported
from kedja.frameworks.registry import FRAMEWORKS, find
from kedja.runs.read import find_experiments, read_run
from kedja.serving.predictor import Predictor

FOLDER = Path("runs/nearest-mean-00000000/seed0")


@pytest.fixture
def run(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(FRAMEWORKS, "toy", "support.toy_framework:TOY")
    find("toy").fit({"metric": "euclidean"}, load(Path("data/digits")), FOLDER)
    return FOLDER


def test_its_runs_are_compared_selected_and_evaluated(run: Path) -> None:
    finished = read_run(run)
    assert finished.framework == "toy"
    assert 0.8 < finished.validation["accuracy"] < 1.0
    experiments = find_experiments(Path("runs"))
    assert select.best_run(Path("runs")) == run
    assert "nearest-mean" in sentences(compare(experiments), finished, None)[0]
    assert "nearest-mean" in terminal_table(Path("runs"))
    assert listing(Path("runs"))[0][0] == "nearest-mean-00000000/seed0"
    assert select.test_figures(run)["accuracy"]["value"] > 0.8
    assert evaluate_run(finished, load(Path("data/digits")), "test")["robustness"] is None


def test_it_is_exported_and_served(run: Path) -> None:
    metadata = export(run, Path("bundle"))
    assert is_exported(run, Path("bundle"))
    predictor = Predictor(Path("bundle"))
    assert verify_golden(Path("bundle"), metadata, predictor.predict) < 1e-5
    assert load_bundle(Path("bundle")).name == "digits-nearest-mean"
    feed = load(Path("data/digits")).read(np.arange(5))
    np.testing.assert_allclose(predictor.predict(feed).argmax(1), find("toy").load(run)(feed).argmax(1))
    with pytest.raises(KedjaError, match="nothing to write in int8"):
        export(run, Path("other"), int8=True)


def test_one_that_is_not_there_is_named() -> None:
    with pytest.raises(KedjaError, match="did you mean 'sklearn'"):
        find("sklern")
