import dataclasses

import numpy as np
from scipy.spatial.distance import cdist

from kedja.data.prepared import load
from kedja.training.checks.cheapest import nearest_mean


def test_it_is_what_the_nearest_centroid_gets(prepared):
    data = load(prepared / "data" / "digits")
    train, val = data.split("train"), data.split("val")
    pictures = data.stored.small(train)
    means = [pictures[data.labels[train] == label].mean(0) for label in range(10)]
    expected = (cdist(data.stored.small(val), means).argmin(1) == data.labels[val]).mean()
    assert nearest_mean(data) == expected
    assert expected > 0.8


def test_without_a_validation_split_it_is_nothing(prepared):
    data = load(prepared / "data" / "digits")
    assert nearest_mean(dataclasses.replace(data, splits=np.zeros_like(data.splits))) == 0
