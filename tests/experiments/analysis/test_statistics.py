from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from kedja.experiments.analysis import statistics
from kedja.experiments.analysis.statistics import (
    bootstrap,
    corrected,
    exact_p,
    holm,
    mean_accuracy,
    paired_difference,
    pairs,
    spread,
)


def answers(seeds: int, images: int, share: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((seeds, images)) < share


def test_one_seed_agrees_with_the_binomial() -> None:
    correct = np.arange(400)[None] < 360
    interval = mean_accuracy(correct)
    margin = 1.96 * np.sqrt(0.9 * 0.1 / 400)
    assert interval.value == 0.9
    assert interval.low == pytest.approx(0.9 - margin, abs=0.004)
    assert interval.high == pytest.approx(0.9 + margin, abs=0.004)


def test_spread_of_seeds_widens_the_interval() -> None:
    same = np.tile(answers(1, 300, 0.9), (3, 1))
    varied = np.stack([np.arange(300) < n for n in (250, 270, 290)])
    narrow, wide = mean_accuracy(same), mean_accuracy(varied)
    assert wide.high - wide.low > narrow.high - narrow.low


def test_coverage_is_near_the_level() -> None:
    """Of intervals for models whose images vary, about 95 % hold the truth."""
    hits = 0
    for trial in range(100):
        interval = mean_accuracy(answers(1, 200, 0.85, seed=trial))
        hits += interval.low <= 0.85 <= interval.high
    assert 88 <= hits <= 100


@pytest.mark.parametrize(("value", "bounds"), [(True, (0.98, 1.0)), (False, (0.0, 0.02))])
def test_no_mistake_is_no_certainty(value: bool, bounds: tuple[float, float]) -> None:
    interval = mean_accuracy(np.full((3, 200), value))
    assert (interval.low, interval.high) == pytest.approx(bounds, abs=0.002)


def test_a_clear_difference_is_found_and_its_sign_is_right() -> None:
    better, worse = np.tile(np.arange(300) < 297, (3, 1)), np.tile(np.arange(300) < 270, (3, 1))
    difference = paired_difference(better, worse)
    assert difference.value == pytest.approx(0.09)
    assert 0 < difference.low < 0.09 < difference.high
    assert difference.p < 0.001
    assert paired_difference(worse, better).value == pytest.approx(-0.09)


def test_pairing_finds_what_separate_intervals_hide() -> None:
    hard = answers(1, 500, 0.7)
    better = hard.copy()
    better[0, np.flatnonzero(~hard[0])[:12]] = True
    assert mean_accuracy(better).low < mean_accuracy(hard).high
    assert paired_difference(better, hard).p < 0.01


def test_equal_models_do_not_differ() -> None:
    correct = answers(3, 200, 0.9)
    difference = paired_difference(correct, correct[:1])
    assert difference.p > 0.05
    assert paired_difference(correct[:1], correct[:1]).p == 1.0


def against(wins: int, losses: int, images: int = 270) -> tuple[np.ndarray, np.ndarray]:
    """Two models that are right on all images, except that one wins `wins` and loses `losses`."""
    first, second = np.ones((2, 1, images), bool)
    second[0, :wins] = False
    first[0, wins : wins + losses] = False
    return first, second


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (5, 0), (6, 0), (0, 6), (9, 1), (4, 4), (30, 12)])
def test_few_images_that_differ_are_judged_exactly(wins: int, losses: int) -> None:
    """McNemar's exact test, from scipy's binomial."""
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert exact_p(*against(wins, losses)) == pytest.approx(expected)
    difference = paired_difference(*against(wins, losses))
    assert difference.p >= expected * (1 - 1e-9)
    if expected > 0.05:
        assert difference.low <= 0 <= difference.high


def test_six_against_none_is_what_a_coin_says() -> None:
    assert paired_difference(*against(6, 0)).p == pytest.approx(0.03125)


def test_exact_with_seeds_counts_an_image_once() -> None:
    """Three seeds that agree are no three times as many images; one more seed of a model changes no verdict."""
    first, second = against(6, 0)
    assert exact_p(np.tile(first, (3, 1)), np.tile(second, (3, 1))) == pytest.approx(0.03125)
    assert exact_p(np.tile(first, (3, 1)), np.tile(second, (2, 1))) == pytest.approx(0.03125)


@pytest.mark.parametrize(("hard", "seeds"), [(0.05, 1), (0.1, 1), (0.1, 3)])
def test_equal_models_seldom_get_a_star(monkeypatch: pytest.MonkeyPatch, hard: float, seeds: int) -> None:
    """Eight equal models on 270 images, each compared with the one that came out best: at most 5 % of tables lie."""
    monkeypatch.setattr(statistics, "REPLICATES", 1000)
    generator = np.random.default_rng(20_261_128)
    tables, stars = 200 // seeds, 0
    for _ in range(tables):
        chance = np.where(generator.random(270) < hard, 0.5, 0.995)
        models = sorted(generator.random((8, seeds, 270)) < chance, key=lambda one: -one.mean())
        p_values = [paired_difference(models[0], other).p for other in models[1:]]
        stars += min(holm(p_values, pairs(8))) < 0.05
    assert stars <= 0.05 * tables


def test_many_comparisons_still_find_a_clear_difference() -> None:
    """As many as 60 experiments are 1,770 pairs; what replicates cannot resolve the normal tail does."""
    better, worse = np.arange(2000)[None] < 1980, np.arange(2000)[None] < 1500
    assert holm([paired_difference(better, worse).p], pairs(60))[0] < 0.001


def test_holm_against_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_only_raises_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    ranked = [adjusted[i] for i in np.argsort(p_values, kind="stable")]
    assert ranked == sorted(ranked)


def test_spread() -> None:
    assert spread([0.5]) is None
    assert spread([1.0, 2.0, 3.0]) == 1.0


def test_bootstrap_of_any_statistic() -> None:
    values = np.random.default_rng(1).normal(5, 1, 400)
    interval = bootstrap(lambda indices: float(values[indices].mean()), 400)
    assert interval.value == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 / 20, rel=0.2)


@pytest.mark.parametrize("lost", [3, 6, 9, 12, 20, 40])
def test_a_corrected_interval_holds_nought_just_where_the_corrected_verdict_does(lost: int) -> None:
    better = np.ones((1, 200), bool)
    worse = better.copy()
    worse[:, :lost] = False
    (difference, p), (_, other) = corrected(
        [partial(paired_difference, better, worse), partial(paired_difference, better, better)], pairs(8)
    )
    assert (p < 0.05) == (lost >= 12)  # 2 / 2^lost by the coin, of 28 pairs
    assert (difference.low > 0) == (p < 0.05)
    assert difference.low <= difference.value <= difference.high
    alone = paired_difference(better, worse)
    assert (difference.low <= alone.low, difference.high >= alone.high) == (True, True)
    assert other == 1.0
