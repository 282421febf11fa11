import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kedja.data.splits.assign import assign

SIZES = st.lists(st.integers(1, 60), min_size=2, max_size=6)


def dealt(sizes, fractions=(0.7, 0.15, 0.15), seed=0, units=None):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    ids = [f"{n}.png" for n in range(len(labels))]
    own = np.arange(len(labels)) if units is None else units
    return labels, assign(labels, ids, own, fractions, seed)


@given(SIZES, st.integers(0, 5))
def test_every_image_is_dealt_and_every_class_has_its_share(sizes, seed):
    labels, result = dealt(sizes, seed=seed)
    assert set(result) <= {0, 1, 2}
    for label, size in enumerate(sizes):
        counts = np.bincount(result[labels == label], minlength=3)
        assert counts.sum() == size
        assert abs(counts - size * np.array([0.7, 0.15, 0.15])).max() <= 2
        assert counts[0] >= 1
        if size >= 3:
            assert counts.min() >= 1


@given(SIZES, st.integers(1, 5), st.data())
@settings(max_examples=50)
def test_units_stay_together(sizes, width, data):
    total = sum(sizes)
    units = np.array(data.draw(st.lists(st.integers(0, max(1, total // width)), min_size=total, max_size=total)))
    _, result = dealt(sizes, units=units)
    for unit in np.unique(units):
        assert len(set(result[units == unit])) == 1


def test_a_share_of_zero_gets_nothing():
    _, result = dealt([20, 20], fractions=(0.8, 0.2, 0.0))
    assert 2 not in result


def test_the_seed_decides():
    assert (dealt([50, 50], seed=1)[1] == dealt([50, 50], seed=1)[1]).all()
    assert (dealt([50, 50], seed=1)[1] != dealt([50, 50], seed=2)[1]).any()
