from collections.abc import Callable
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.analysis.comparisons import compare, differing_settings
from kedja.runs.read import find_experiments

MakeRun = Callable[..., Path]


def test_the_best_is_compared_with_each_other(make_run: MakeRun, tmp_path: Path) -> None:
    for seed in range(3):
        make_run("best", seed=seed, wrong=[1])
        make_run("close", seed=seed, wrong=[1, 2 + seed])
        make_run("far", seed=seed, wrong=list(range(30)))
    best, close, far = compare(find_experiments(tmp_path / "runs"))
    assert (best.label, best.behind, best.p) == ("best", None, None)
    assert close.behind is not None
    assert close.behind.value == pytest.approx(0.005)
    assert not close.detectably_worse
    assert far.detectably_worse
    assert far.spread == 0.0


def test_labels_tell_configurations_of_one_name_apart(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("small", config_hash="aaaa1111")
    make_run("small", config_hash="bbbb2222", wrong=[1])
    assert [one.label for one in compare(find_experiments(tmp_path / "runs"))] == ["small (aaaa)", "small (bbbb)"]


def test_configurations_of_one_name_are_named_by_what_differs(make_run: MakeRun, tmp_path: Path) -> None:
    common = {"model.name": "cnn", "model.pretrained": False}
    make_run("small", config_hash="aaaa1111", hyperparameters={**common, "optim.lr": 0.1, "epochs": 5})
    make_run("small", config_hash="bbbb2222", wrong=[1], hyperparameters={**common, "optim.lr": 0.01, "epochs": 5})
    make_run("other", wrong=[1, 2], hyperparameters={**common, "optim.lr": 0.5, "epochs": 9})
    labels = [one.label for one in compare(find_experiments(tmp_path / "runs"))]
    assert labels == ["small (optim.lr=0.1)", "small (optim.lr=0.01)", "other"]


def test_settings_that_differ_between_networks(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", hyperparameters={"model.name": "cnn", "lr": 0.1, "epochs": 5})
    make_run("b", hyperparameters={"model.name": "cnn", "lr": 0.2, "epochs": 5, "width": 8})
    make_run("svm", framework="sklearn", hyperparameters={"C": 1.0})
    assert differing_settings(find_experiments(tmp_path / "runs")) == ["lr", "width"]


def test_other_images_are_refused(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", images=200)
    make_run("b", images=100, wrong=[1])
    with pytest.raises(KedjaError, match="other images"):
        compare(find_experiments(tmp_path / "runs"))
