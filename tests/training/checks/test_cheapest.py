import dataclasses

import numpy as np

from kedja.data.prepared import load
from kedja.training.checks.cheapest import nearest_mean


def test_it_is_what_scikit_learn_s_nearest_centroid_gets(prepared):
    from sklearn.neighbors import NearestCentroid

    data = load(prepared / "data" / "digits")
    train, val = data.split("train"), data.split("val")
    model = NearestCentroid().fit(data.stored.small(train), data.labels[train])
    expected = (model.predict(data.stored.small(val)) == data.labels[val]).mean()
    assert nearest_mean(data) == expected
    assert expected > 0.8


def test_without_a_validation_split_it_is_nothing(prepared):
    data = load(prepared / "data" / "digits")
    assert nearest_mean(dataclasses.replace(data, splits=np.zeros_like(data.splits))) == 0
