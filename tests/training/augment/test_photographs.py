import pytest
import torch

from kedja.training.augment.augment import augment
from kedja.training.augment.photographs import colour, crop
from kedja.training.config.schema import AugmentConfig

GRADIENT = torch.linspace(0, 1, 64).expand(1, 64, 64)
# Red grows to the right, green downwards, blue is even.
IMAGES = torch.stack([GRADIENT[0], GRADIENT[0].T, torch.full((64, 64), 0.5)]).expand(32, 3, 64, 64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_crop_shows_a_part_as_large_as_asked():
    cut = crop(IMAGES, 0.25, 0, generator())
    assert cut.shape == IMAGES.shape
    wide, tall = (cut[:, 0].amax((1, 2)) - cut[:, 0].amin((1, 2))), (cut[:, 1].amax((1, 2)) - cut[:, 1].amin((1, 2)))
    area = wide * tall
    assert area.min() > 0.2
    assert area.max() <= 1
    assert (wide / tall).min() > 0.7
    assert len(torch.unique(area)) == len(area)
    torch.testing.assert_close(cut[:, 2], IMAGES[:, 2])


def test_a_crop_of_everything_is_the_image():
    cut = crop(IMAGES, 1.0, 0, generator())
    # Only the aspect still varies, and what it leaves of a side.
    assert (cut[:, 0].amax((1, 2)) - cut[:, 0].amin((1, 2))).min() > 0.85


@pytest.mark.parametrize(("side", "shape"), [(32, (32, 32)), (100, (64, 64)), (0, (64, 64))])
def test_crops_come_out_at_the_side_and_never_larger(side, shape):
    assert crop(IMAGES, 0.5, side, generator()).shape[2:] == shape


def test_colours_vary_within_what_was_asked():
    images = 0.5 * IMAGES + 0.25
    varied = colour(images, 0.2, generator())
    assert torch.equal(varied, colour(images, 0.2, generator()))
    assert varied.min() >= 0
    assert varied.max() <= 1
    brightness = varied.mean((1, 2, 3)) / images.mean((1, 2, 3))
    assert 0.79 < brightness.min() < 0.95
    assert 1.05 < brightness.max() < 1.21
    grey = images.mean(1, keepdim=True)
    assert colour(grey, 0.2, generator()).shape == grey.shape


def test_a_batch_is_varied_by_its_seed():
    images = torch.randint(256, (8, 48, 40, 3), dtype=torch.uint8, generator=generator())
    config = AugmentConfig(crop=0.35, colour=0.3, flip="random")
    varied = augment(images, config, generator(), 32)
    assert varied.shape == (8, 3, 38, 32)
    assert torch.equal(varied, augment(images, config, generator(), 32))
    assert not torch.equal(varied, augment(images, config, generator(1), 32))
