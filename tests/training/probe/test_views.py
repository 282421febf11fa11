import shutil

import numpy as np
import pytest
import torch

from kedja.common.errors import KedjaError
from kedja.data.prepared import load
from kedja.training.config.compose import compose
from kedja.training.config.schema import AugmentConfig, ModelConfig
from kedja.training.models.registry import build
from kedja.training.probe.features import View, features
from kedja.training.probe.frozen import Frozen
from kedja.training.probe.linear import path
from kedja.training.probe.solve import check_solvable

VARIED = AugmentConfig(crop=0.5, flip="random")


@pytest.fixture
def digits(prepared, tmp_path):
    shutil.copytree(prepared / "data" / "digits", tmp_path / "data" / "digits")
    return load(tmp_path / "data" / "digits")


def test_a_view_is_drawn_from_its_numbers_alone_and_kept(digits):
    torch.manual_seed(0)
    frozen = Frozen(
        build(ModelConfig("cnn", width=0.25), 10, digits.spec, digits.mean, digits.std), 10, digits.spec.shape
    )
    rows = digits.split("train")[:20]
    plain = features(frozen, digits, rows)
    first, second, other = (
        features(frozen, digits, rows, View(VARIED, seed, n)) for seed, n in ((0, 0), (0, 1), (1, 0))
    )
    assert not any(np.allclose(one, two) for one, two in ((plain, first), (first, second), (first, other)))
    np.testing.assert_array_equal(features(frozen, digits, rows, View(VARIED, 0, 0)), first)
    shutil.rmtree(digits.folder.parent / ".digits.features")
    np.testing.assert_array_equal(features(frozen, digits, rows, View(VARIED, 0, 0)), first)


def test_views_that_show_nothing_new_change_nothing():
    random = np.random.default_rng(0)
    rows, labels = random.normal(size=(60, 5)).astype(np.float32), np.arange(60) % 3
    once = list(path(rows, labels, 3, 3))
    thrice = list(path(np.tile(rows, (3, 1)), np.tile(labels, 3), 3, 3, copies=3))
    for one, three in zip(once, thrice, strict=True):
        np.testing.assert_allclose(one.weight, three.weight, atol=2e-3)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["experiment=photos/probe", "augment=photos"], "sees every image once"),
        (["experiment=photos/probe", "optim.views=2"], "by itself, varied at random"),
        (["experiment=photos/probe-views", "augment.mixup=0.2"], "by itself, varied at random"),
    ],
)
def test_views_and_augmentation_belong_together(overrides, message):
    with pytest.raises(KedjaError, match=message):
        check_solvable(compose(overrides))
