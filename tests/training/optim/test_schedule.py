import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedja.training.config.schema import ScheduleConfig
from kedja.training.optim.schedule import factor


@given(
    st.sampled_from(["onecycle", "cosine", "constant"]),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(1, 500),
)
def test_the_factor_stays_between_nothing_and_the_highest(name, warmup, final, steps):
    config = ScheduleConfig(name, warmup, final)
    values = [factor(step, steps, config) for step in range(steps)]
    assert all(0 <= value <= 1 for value in values)
    peak = values.index(max(values))
    assert values[: peak + 1] == sorted(values[: peak + 1])
    assert values[peak:] == sorted(values[peak:], reverse=True)


@pytest.mark.parametrize("name", ["onecycle", "cosine"])
def test_it_ends_near_the_final_share(name):
    assert factor(999, 1000, ScheduleConfig(name, 0.1, 0.2)) == pytest.approx(0.2, abs=0.01)


def test_half_way_down():
    assert factor(60, 100, ScheduleConfig("onecycle", 0.2, 0.0)) == pytest.approx(0.5)
    assert factor(60, 100, ScheduleConfig("cosine", 0.2, 0.0)) == pytest.approx(0.5)
    assert factor(60, 100, ScheduleConfig("constant", 0.2, 0.0)) == 1
