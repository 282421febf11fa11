import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kedja.data.prepared import PreparedDataset
from kedja.experiments.analysis.learning_curve import SHARES, learning_curve, power_law
from kedja.experiments.report import more_data
from kedja.runs.read import read_run
from kedja.runs.write import write_summary

MakeRun = Callable[..., Path]


@pytest.mark.parametrize("law", [(0.02, 0.03, 0.5), (0.0, 0.05, 1.0), (0.1, 0.2, 0.3)])
def test_a_power_law_is_found_again(law: tuple[float, float, float]) -> None:
    shares = np.array([*SHARES, 1.0])
    assert power_law(shares, law[0] + law[1] * shares ** -law[2]) == pytest.approx(law, abs=2e-3)


@pytest.fixture
def make_curve(digits: PreparedDataset, make_run: MakeRun) -> Callable[[dict[float, int]], None]:
    """`make_curve({0.1: 40, …, 1.0: 3})` writes two seeds a share, with that many mistakes of the validation split."""

    def make(mistakes: dict[float, int]) -> None:
        rng = np.random.default_rng(0)
        for number, (share, count) in enumerate(mistakes.items()):
            for seed in range(2):
                wrong = rng.choice(len(digits.split("val")), count, replace=False).tolist()
                mark = "00000000" if share == 1 else f"share{number:03}"
                run = make_run("net", seed=seed, wrong=wrong, dataset=digits, config_hash=mark)
                if share < 1:
                    subset = {"folds": 0, "fold": 0, "fraction": share, "family": "00000000"}
                    write_summary(replace(read_run(run), subset=subset))

    return make


def test_a_falling_curve_says_what_more_images_bring(
    digits: PreparedDataset, make_curve: Callable[..., None], tmp_path: Path
) -> None:
    make_curve({0.1: 130, 0.2: 92, 0.4: 65, 0.7: 49, 1.0: 41})
    curve = learning_curve(tmp_path / "runs", digits)
    assert curve is not None
    assert curve.images[-1] == len(digits.split("train"))
    # About 0.152 · share^(−1/2): twice the images take away 1 − 2^(−1/2) of it.
    assert curve.law[2] == pytest.approx(0.5, abs=0.1)
    assert curve.doubled.value == pytest.approx(0.152 * (1 - 2**-0.5), abs=0.01)
    assert curve.doubled.low < curve.doubled.value < curve.doubled.high
    assert curve.told
    assert "Twice the training images" in more_data.sentence(curve)
    json.dumps(more_data.values(curve), allow_nan=False)


def test_a_level_curve_cannot_tell(digits: PreparedDataset, make_curve: Callable[..., None], tmp_path: Path) -> None:
    make_curve({0.1: 9, 0.2: 8, 0.4: 9, 0.7: 8, 1.0: 8})
    curve = learning_curve(tmp_path / "runs", digits)
    assert curve is not None
    assert not curve.told
    assert "cannot be told" in more_data.sentence(curve)


def test_few_sizes_make_no_curve(digits: PreparedDataset, make_curve: Callable[..., None], tmp_path: Path) -> None:
    make_curve({0.1: 130, 0.4: 65, 1.0: 41})
    assert learning_curve(tmp_path / "runs", digits) is None
