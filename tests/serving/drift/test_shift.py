"""The figures against SciPy, against a sum by hand, and against what chance really does."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from kedja.serving.drift.shift import (
    CERTAINTY,
    FEWEST_IMAGES,
    MODERATE,
    Shift,
    Verdict,
    chi_squared_quantile,
    compare,
    psi,
)

COUNTS = st.integers(1, 30).flatmap(
    lambda bins: st.tuples(*[st.lists(st.integers(0, 10**6), min_size=bins, max_size=bins)] * 2)
)


def test_the_index_by_hand():
    # 100.5/201 and 100.5/201 against 150.5/201 and 50.5/201
    expected = (150.5 - 100.5) / 201 * math.log(150.5 / 100.5) + (50.5 - 100.5) / 201 * math.log(50.5 / 100.5)
    assert psi(np.array([100, 100]), np.array([150, 50])) == pytest.approx(expected)
    assert expected == pytest.approx(0.27, abs=0.01)


@given(COUNTS)
def test_the_figures_are_scipys(counts):
    reference, served = np.array(counts)
    shift = compare(reference, served)
    assert shift.images == served.sum()
    if not reference.any() or not served.any():
        assert (shift.psi, shift.distance, shift.by_chance) == (0, 0, math.inf)
        return
    used = (reference + served) > 0
    smooth = [(side[used] + 0.5) / (side[used] + 0.5).sum() for side in (reference, served)]
    both_ways = stats.entropy(smooth[0], smooth[1]) + stats.entropy(smooth[1], smooth[0])
    assert shift.psi == pytest.approx(both_ways, abs=1e-9)
    assert shift.distance == pytest.approx(distance.jensenshannon(reference, served, base=2), abs=1e-6)


@given(COUNTS, st.randoms())
def test_never_nan_and_the_order_of_bins_does_not_matter(counts, random):
    reference, served = np.array(counts)
    shift = compare(reference, served)
    assert not any(map(math.isnan, (shift.psi, shift.distance, shift.by_chance)))
    assert 0 <= shift.psi < math.inf
    assert 0 <= shift.distance <= 1 + 1e-12
    order = random.sample(range(len(reference)), len(reference))
    again = compare(reference[order], served[order])
    assert (again.psi, again.distance) == pytest.approx((shift.psi, shift.distance), abs=1e-9)
    assert again.by_chance == shift.by_chance


@pytest.mark.parametrize("freedom", [1, 2, 3, 5, 9, 20, 100])
def test_the_quantile_is_scipys_or_a_little_above(freedom):
    exact = stats.chi2.ppf(CERTAINTY, freedom)
    assert exact <= chi_squared_quantile(freedom, CERTAINTY) <= 1.035 * exact


@pytest.mark.parametrize(("bins", "images"), [(10, 60), (10, 500), (21, 300)])
def test_without_drift_chance_stays_below_its_bound(bins, images):
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.full(bins, 5.0))
    shifts = [compare(rng.multinomial(2000, true), rng.multinomial(images, true)) for _ in range(2000)]
    assert np.mean([shift.psi > shift.by_chance for shift in shifts]) < 0.004
    # And not by being far too wide: the median of a chi-squared variable is about its freedom less two thirds.
    expected = (bins - 1 - 2 / 3) * (1 / 2000 + 1 / images)
    assert np.median([shift.psi for shift in shifts]) == pytest.approx(expected, rel=0.15)
    assert not any(shift.verdict >= Verdict.MODERATE for shift in shifts if shift.psi <= shift.by_chance)


def test_verdicts():
    tenth = np.full(10, 200)
    assert compare(tenth, tenth * 0).verdict is Verdict.TOO_FEW
    assert compare(tenth, tenth // 50).verdict is Verdict.TOO_FEW
    assert compare(tenth, tenth).verdict is Verdict.STABLE
    # Fewer images show a strong shift than are needed to say that there is none.
    moved = np.array([FEWEST_IMAGES, *[0] * 9])
    assert compare(tenth, moved).verdict is Verdict.STRONG
    assert compare(tenth, moved // 2).verdict is Verdict.TOO_FEW
    tilted = np.array([380, 290, 230, 200, 190, 170, 150, 140, 130, 120])
    assert MODERATE < compare(tenth, tilted).psi < 0.25
    assert compare(tenth, tilted).verdict is Verdict.MODERATE
    assert compare(tenth, tilted // 10).verdict is Verdict.TOO_FEW


def test_one_value_that_stays_what_it_was_is_stable():
    assert compare(np.array([0, 1000, 0]), np.array([0, FEWEST_IMAGES, 0])).verdict is Verdict.STABLE
    assert compare(np.array([0, 1000, 0]), np.array([0, 1, 0])).verdict is Verdict.TOO_FEW
    assert compare(np.array([0, 1000, 0]), np.array([0, 0, FEWEST_IMAGES])).verdict is Verdict.STRONG


def test_verdicts_in_words():
    words = [Shift(value, 0.0, 0.0, 100).verdict.words for value in (0.05, 0.2, 0.3)]
    assert words == ["stable", "moderate shift", "strong shift"]
    assert Shift(0.05, 0.2, 0.0, 100).verdict.words == "not enough images yet"
