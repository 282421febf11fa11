import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.analysis.comparisons import compare
from kedja.experiments.analysis.cross_validation import corrected_t, cross_validate
from kedja.experiments.analysis.select import best_run
from kedja.experiments.report import folds as report
from kedja.runs.read import find_experiments

MakeRun = Callable[..., Path]
FOLDS = 5


def test_the_corrected_t_test_by_hand() -> None:
    """Variance 2.5e-4 of five values, times 1/5 + 1/4; t with four degrees of freedom is 2.776 at 97.5 %."""
    mean, low, high, p = corrected_t([0.01, 0.02, 0.03, 0.04, 0.05])
    error = np.sqrt(2.5e-4 * 0.45)
    assert mean == pytest.approx(0.03)
    assert (mean - low, high - mean) == pytest.approx([2.776445 * error] * 2, rel=1e-5)
    # t = 2.8284, whose two-sided p-value with four degrees of freedom is 0.04742.
    assert p == pytest.approx(0.04742, abs=1e-5)


def test_equal_folds_leave_no_doubt_and_no_division_by_zero() -> None:
    assert corrected_t([0.0] * 5) == (0.0, 0.0, 0.0, 1.0)
    assert corrected_t([0.25] * 4) == (0.25, 0.25, 0.25, 0.0)


def test_overlapping_training_parts_do_not_fool_it() -> None:
    """Two equal learners whose folds share a part of their noise: not more than 5 % false findings."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(400):
        shared, own = rng.normal(0, 0.01 * np.sqrt(0.2)), rng.normal(0, 0.01 * np.sqrt(0.8), FOLDS)
        found += corrected_t(list(shared + own))[3] < 0.05
    assert found / 400 < 0.07


def test_experiments_are_compared_over_the_folds(tmp_path: Path, make_folds: Callable[..., list[Path]]) -> None:
    make_folds("good", [2, 3, 4, 3, 2])
    make_folds("like", [3, 2, 5, 3, 3])
    make_folds("poor", [40, 38, 44, 41, 39])
    best, close, far = cross_validate(tmp_path / "runs")
    assert [one.label for one in (best, close, far)] == ["good", "like", "poor"]
    assert best.accuracies == pytest.approx([0.99, 0.985, 0.98, 0.985, 0.99])
    assert best.accuracy.low < best.accuracy.value < best.accuracy.high <= 1
    assert not close.detectably_worse
    assert far.detectably_worse
    assert far.behind is not None
    assert far.behind.value == pytest.approx(0.188)
    # Three pairs that the best came from: Holm triples the smallest p-value.
    assert far.p == pytest.approx(3 * far.behind.p)
    text = report.markdown([best, close, far])
    assert "Over the folds it beats poor (by 18.80 points" in text
    assert "no detectable difference from like" in text
    assert "| 18.80 * |" in text
    assert json.loads(json.dumps(report.as_json([best, close, far])))[2]["detectably_worse"] is True


def test_unfinished_folds_are_left_out_and_perfect_ones_keep_an_interval(
    tmp_path: Path, make_folds: Callable[..., list[Path]]
) -> None:
    make_folds("half", [1, 1, 1])
    assert cross_validate(tmp_path / "runs") == []
    make_folds("full", [0] * FOLDS)
    (only,) = cross_validate(tmp_path / "runs")
    assert only.accuracy.high == only.accuracy.value == 1
    assert 0.99 < only.accuracy.low < 1
    assert "has the highest mean accuracy: 100.00 %" in report.terminal([only])


def test_the_number_of_folds_that_most_have_is_shown(tmp_path: Path, make_folds: Callable[..., list[Path]]) -> None:
    make_folds("good", [2, 3, 4])
    for folds in (2, 3):
        make_folds("like", [3] * folds, folds=folds)
    make_folds("good", [2, 3], folds=2)
    make_folds("poor", [9, 8], folds=2)
    assert [len(one.runs) for one in cross_validate(tmp_path / "runs")] == [2, 2, 2]


def test_folds_over_other_images_are_not_compared(tmp_path: Path, make_folds: Callable[..., list[Path]]) -> None:
    make_folds("good", [2] * FOLDS)
    make_folds("poor", [9] * FOLDS, images=190)
    with pytest.raises(KedjaError, match="validated on other images"):
        cross_validate(tmp_path / "runs")


def test_folds_take_no_part_in_the_selection(
    tmp_path: Path, make_run: MakeRun, make_folds: Callable[..., list[Path]]
) -> None:
    whole = make_run("poor", wrong=[1, 2, 3])
    make_folds("good", [0] * FOLDS)
    assert best_run(tmp_path / "runs") == whole
    assert [one.label for one in compare(find_experiments(tmp_path / "runs"))] == ["poor"]
