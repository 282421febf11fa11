import dataclasses
import shutil

import numpy as np
import pytest
import torch

from kedja.common.errors import KedjaError
from kedja.data.prepared import load
from kedja.training.config.schema import ModelConfig
from kedja.training.models.registry import build
from kedja.training.optim.layer_groups import head_name
from kedja.training.probe import features as cache
from kedja.training.probe.features import features
from kedja.training.probe.frozen import Frozen


def network(data, seed=0):
    torch.manual_seed(seed)
    model = build(ModelConfig(name="cnn", width=0.25), 10, data.spec, data.mean, data.std)
    return Frozen(model, 10, data.spec.shape), model


def test_a_network_that_goes_on_after_its_last_layer_is_refused(digits):
    model = build(ModelConfig(name="resnet9", width=0.125), 10, digits.spec, digits.mean, digits.std)
    with pytest.raises(KedjaError, match="does not end in a linear layer"):
        Frozen(model, 10, digits.spec.shape)


class Counting:
    """A frozen network that counts the images it is asked for."""

    def __init__(self, frozen):
        self.frozen, self.fingerprint, self.asked = frozen, frozen.fingerprint, 0

    def __getattr__(self, name):
        return getattr(self.frozen, name)

    def __call__(self, images):
        self.asked += len(images)
        return self.frozen(images)


@pytest.fixture
def digits(prepared, tmp_path):
    shutil.copytree(prepared / "data" / "digits", tmp_path / "data" / "digits")
    return load(tmp_path / "data" / "digits")


def test_they_are_what_the_last_layer_gets(digits):
    frozen, model = network(digits)
    rows = digits.split("val")[:11]
    seen = []
    model.eval().body.get_submodule(head_name(model.body, 10)).register_forward_pre_hook(
        lambda layer, inputs: seen.append(inputs[0])
    )
    with torch.inference_mode():
        model(torch.from_numpy(digits.images[rows]))
    np.testing.assert_allclose(features(frozen, digits, rows), seen[0].numpy(), atol=1e-4)


def test_they_are_computed_once_and_go_on_where_they_stopped(digits):
    counting = Counting(network(digits)[0])
    train, val = digits.split("train"), digits.split("val")
    first = features(counting, digits, train)
    assert counting.asked == len(train) + len(val)
    np.testing.assert_array_equal(features(counting, digits, train), first)
    assert counting.asked == len(train) + len(val)
    *_, lost = sorted(digits.folder.parent.glob(".digits.features/*/*.npz"))
    damaged = sorted(lost.parent.glob("*.npz"))[0]
    lost.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-40])
    np.testing.assert_array_equal(features(counting, digits, train), first)
    assert counting.asked - len(train) - len(val) <= 2 * cache.CHUNK


def test_another_network_and_other_images_have_others(digits):
    one, other = network(digits)[0], network(digits, seed=1)[0]
    rows = digits.split("val")
    assert not np.allclose(features(one, digits, rows), features(other, digits, rows))
    folders = list(digits.folder.parent.glob(".digits.features/*/"))
    assert len(folders) == 2
    (digits.folder / "dataset.json").write_text((digits.folder / "dataset.json").read_text() + "\n")
    features(one, load(digits.folder), rows)
    left = list(digits.folder.parent.glob(".digits.features/*/"))
    assert len(left) == 1
    assert left[0] not in folders


def test_test_images_have_none(digits):
    with pytest.raises(AssertionError, match="test images"):
        features(network(digits)[0], digits, digits.split("test"))


def test_folds_share_them(digits):
    counting = Counting(network(digits)[0])
    first = features(counting, digits, digits.split("train"))
    turned = digits.splits.copy()
    turned[digits.split("val")] = 0
    swapped = dataclasses.replace(digits, splits=turned)
    again = features(counting, swapped, digits.split("train"))
    np.testing.assert_array_equal(again, first)
    assert counting.asked == len(digits.split("train")) + len(digits.split("val"))
