import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from kedja.common.intervals import wilson


@given(st.integers(1, 100_000), st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_bounds_agree_with_scipy(count: int, share: float, level: float) -> None:
    right = round(share * count)
    expected = binomtest(right, count).proportion_ci(level, "wilson")
    assert wilson(right, count, level) == pytest.approx((expected.low, expected.high), abs=1e-9)
