import numpy as np
import pytest
import torch

from kedja.training.augment.mix import mix
from kedja.training.config.schema import AugmentConfig

IMAGES = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 20, 20).contiguous()
LABELS = torch.arange(6)


def mixed(seed=0, **settings):
    return mix(IMAGES, LABELS, 6, AugmentConfig(**settings), np.random.default_rng(seed))


@pytest.mark.parametrize("settings", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
@pytest.mark.parametrize("seed", range(8))
def test_labels_are_mixed_as_the_pixels_are(settings, seed):
    images, targets = mixed(seed, **settings)
    torch.testing.assert_close(targets.sum(1), torch.ones(6))
    # Each image's pixels are its number, so their mean is the mean of the labels by share.
    torch.testing.assert_close(images.mean((1, 2, 3)), targets @ torch.arange(6.0))


def test_cutmix_pastes_one_rectangle():
    images, _ = mixed(3, cutmix=1.0)
    pasted = images[2, 0] == 1
    rows, columns = pasted.any(1), pasted.any(0)
    assert pasted.sum() == rows.sum() * columns.sum() > 0


def test_batches_differ_and_seeds_repeat():
    assert torch.equal(mixed(1, mixup=0.4)[1], mixed(1, mixup=0.4)[1])
    assert not torch.equal(mixed(1, mixup=0.4)[1], mixed(2, mixup=0.4)[1])
    assert torch.equal(IMAGES[:, 0, 0, 0], torch.arange(6.0))
