"""Finished runs, their folds and their final figures."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kedja.data.prepared import PreparedDataset, load
from kedja.runs.folder import TEST
from support.finished_runs import answers_of, invent_answers, make_run

__all__ = ["make_run"]  # a fixture


@pytest.fixture
def digits(workplace: Path) -> PreparedDataset:
    return load(workplace / "data" / "digits")


@pytest.fixture(autouse=True)
def support_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started find tests/support, as tests themselves do."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=os.pathsep)


@pytest.fixture
def make_folds(make_run: Callable[..., Path]) -> Callable[..., list[Path]]:
    """`make_folds("small", wrong=[3, 4, 5])` writes as many finished folds as there are numbers of mistakes."""

    def make(experiment: str, wrong: list[int], folds: int = 5, **options: object) -> list[Path]:
        made = []
        for fold, mistakes in enumerate(wrong):
            mark = f"{experiment[:4]:0<4}{folds:02}{fold:02}"
            part = {"folds": folds, "fold": fold, "fraction": 1.0, "family": f"{experiment[:4]:0<8}"}
            run = make_run(experiment, wrong=list(range(mistakes)), config_hash=mark, subset=part, **options)
            made.append(run)
        return made

    return make


@pytest.fixture
def finish_test(digits: PreparedDataset) -> Callable[..., None]:
    """`finish_test(run, wrong=[3])` puts the final figures into a run, as `select.test_figures` does."""

    def finish(run: Path, wrong: list[int]) -> None:
        ids, labels = answers_of(digits, "test")
        accuracy = invent_answers(run, "test", ids, labels, 10, wrong, 0)
        interval = {"value": accuracy, "low": accuracy - 0.01, "high": 1.0}
        figures = {"split": "test", "images": len(ids), "accuracy": interval, "loss": 0.1}
        (run / TEST).write_text(json.dumps(figures))

    return finish
