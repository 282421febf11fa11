"""Bins that hold everything, and a file that is read as it was written or refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kedja.bundle import reference
from kedja.bundle.reference import MOST_CLASSES, REFERENCE, Histogram, Reference, class_bins, tenths
from kedja.common.errors import KedjaError

NUMBERS = st.lists(st.floats(-1e9, 1e9) | st.sampled_from([0.0, 8.0]), min_size=1, max_size=300)


@given(NUMBERS, NUMBERS)
@settings(deadline=None)  # a busy machine is no failure
def test_every_value_falls_into_one_bin(trained, served):
    edges = tenths(np.array(trained))
    histogram = Histogram("brightness", [0] * (len(edges) + 1), edges, [])
    assert histogram.count(np.array(served)).sum() == len(served)
    assert np.array_equal(histogram.count(np.array(served[::-1])), histogram.count(np.array(served)))
    # As many as the file holds, bin by bin.
    assert Histogram(**json.loads(json.dumps(vars(histogram)))) == histogram


def test_tenths_are_tenths_and_a_common_value_stands_alone():
    edges = tenths(np.arange(1000.0))
    assert Histogram("x", [0] * 10, edges, []).count(np.arange(1000.0)).tolist() == pytest.approx([100] * 10, abs=1)
    constant = tenths(np.full(50, 8.0))
    served = np.array([4.0, 8.0, 8.0, 28.0, np.nan])
    assert Histogram("width", [0] * 3, constant, []).count(served).tolist() == [1, 2, 1]


def test_rare_classes_are_counted_together():
    predicted = np.repeat(np.arange(30.0), np.arange(30))
    own = class_bins(predicted, 40)
    assert own == list(range(10, 30))
    histogram = Histogram("class", [0] * (MOST_CLASSES + 1), [], own)
    assert histogram.count(np.array([10.0, 29.0, 29.0, 0.0, 39.0])).tolist() == [1, *[0] * 18, 2, 2]
    few = Histogram("class", [0] * 3, [], class_bins(np.array([2.0]), 3))
    assert few.count(np.array([0.0, 2.0, 2.0])).tolist() == [1, 0, 2]
    assert few.count(np.empty(0)).tolist() == [0, 0, 0]


@pytest.fixture
def made():
    return Reference([Histogram("brightness", [3, 4], [100.5], []), Histogram("class", [5, 2], [], [0, 1])])


def test_counts_of_all_features_stand_in_a_row(made):
    counts = made.count({"brightness": np.array([100.5, 200, 201]), "width": np.array([8.0])})
    assert counts.tolist() == [1, 2, 0, 0]
    assert [part.tolist() for part in made.split(counts)] == [[1, 2], [0, 0]]
    assert made.bins == 4


def test_a_bundle_has_it_or_has_none(made, tmp_path):
    reference.save(tmp_path, made)
    assert reference.load(tmp_path, {REFERENCE}, 10) == made
    assert reference.load(tmp_path, {"model.onnx"}, 10) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda value: value.update(schema_version=2), "schema version 2"),
        (lambda value: value.pop("features"), "lacks features"),
        (lambda value: value["features"][0].update(colour="red"), "unknown fields 'colour'"),
        (lambda value: value["features"][0].update(counts=[1]), "do not fit its bins"),
        (lambda value: value["features"][0].update(counts=[-1, 1]), "what is no count"),
        (lambda value: value["features"][0].update(edges=["a"]), "not a finite number"),
        (lambda value: value["features"][0].update(edges=[2, 1], counts=[1, 1, 1]), "do not fit its bins"),
        (lambda value: value["features"][1].update(counts=[1, 1, 1, 1]), "do not fit its bins"),
    ],
)
def test_a_damaged_one_is_refused(made, tmp_path, change, message):
    reference.save(tmp_path, made)
    value = json.loads((tmp_path / REFERENCE).read_text())
    change(value)
    (tmp_path / REFERENCE).write_text(json.dumps(value))
    with pytest.raises(KedjaError, match=message):
        reference.load(tmp_path, {REFERENCE}, 10)
