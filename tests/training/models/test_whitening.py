import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.training.batches.dataset import ImageDataset
from kedja.training.config.schema import ModelConfig
from kedja.training.models.registry import build
from kedja.training.models.whitening import Whitening, fit_whitening


def patterned(count: int, channels: int) -> torch.Tensor:
    """Images whose neighbouring pixels and channels are alike."""
    noise = torch.randn(count, channels, 14, 14, generator=torch.Generator().manual_seed(0))
    return F.avg_pool2d(noise, 3, stride=1) + noise[:, :1, 1:-1, 1:-1]


@pytest.mark.parametrize("channels", [1, 3])
def test_what_comes_out_is_uncorrelated_and_of_one_variance(channels):
    layer, images = Whitening(channels), patterned(400, channels)
    layer.fit(images)
    found = layer(images).transpose(0, 1).flatten(1)[: layer.outputs // 2]
    torch.testing.assert_close(found @ found.T / found.shape[1], torch.eye(len(found)), atol=0.05, rtol=0)
    torch.testing.assert_close(layer.weight[: layer.outputs // 2], -layer.weight[layer.outputs // 2 :])


def test_images_without_variation_give_finite_filters():
    layer = Whitening(3)
    layer.fit(torch.zeros(4, 3, 8, 8))
    assert torch.isfinite(layer.weight).all()


class Grey:
    """A prepared data set of 30 images."""

    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8)
    labels, ids, classes, spec = np.arange(30) % 3, [str(i) for i in range(30)], ["a", "b", "c"], ImageSpec(8, 8, 1)

    def split(self, name):
        return np.arange(30)


def test_filters_come_from_the_training_split_and_do_not_learn():
    dataset = ImageDataset(Grey(), "train")
    classifier = build(ModelConfig(name="airbench", width=0.1), 3, Grey.spec, [0.5], [0.25])
    (layer,) = (module for module in classifier.modules() if isinstance(module, Whitening))
    fresh = layer.weight.clone()
    fit_whitening(classifier, dataset)
    expected = Whitening(1)
    expected.fit((torch.from_numpy(Grey.images).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25)
    torch.testing.assert_close(layer.weight, expected.weight)
    assert not torch.equal(layer.weight, fresh)
    assert layer.weight not in set(classifier.parameters())
    assert "weight" in layer.state_dict()
