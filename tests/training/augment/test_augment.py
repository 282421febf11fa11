import pytest
import torch

from kedja.training.augment.augment import augment, shift, turns
from kedja.training.config.schema import AugmentConfig
from kedja.training.models.classifier import to_float

IMAGES = torch.randint(256, (64, 12, 10, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
PIXELS = to_float(IMAGES)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_settings_images_stay_as_they_are():
    assert torch.equal(augment(IMAGES, AugmentConfig(), generator()), PIXELS)


@pytest.mark.parametrize(
    "config",
    [
        AugmentConfig(shift=2),
        AugmentConfig(shift=2, fill="reflect"),
        AugmentConfig(flip="random"),
        AugmentConfig(shift=1, rotate=10, scale=0.1),
        AugmentConfig(rotate=10, flip="random", fill="reflect"),
    ],
)
def test_images_vary_by_their_seed_and_keep_their_range(config):
    varied = augment(IMAGES, config, generator())
    assert varied.shape == PIXELS.shape
    assert torch.equal(varied, augment(IMAGES, config, generator()))
    assert not torch.equal(varied, augment(IMAGES, config, generator(1)))
    assert varied.min() >= 0
    assert varied.max() <= 1 + 1e-6


def test_half_of_the_images_are_mirrored_and_the_others_untouched():
    varied = augment(IMAGES, AugmentConfig(flip="random"), generator())
    mirrored = [torch.equal(v, i.flip(2)) for v, i in zip(varied, PIXELS, strict=True)]
    untouched = [torch.equal(v, i) for v, i in zip(varied, PIXELS, strict=True)]
    assert all(m != u for m, u in zip(mirrored, untouched, strict=True))
    assert 16 < sum(mirrored) < 48


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_by_turns_every_image_is_mirrored_every_other_epoch(seed):
    positions = torch.arange(4000)
    first, second, third = (turns(positions, seed, epoch) for epoch in range(3))
    assert torch.equal(first, ~second)
    assert torch.equal(first, third)
    assert 1800 < first.sum() < 2200
    # Neighbours in the split, which may be alike, do not go together.
    assert 1800 < (first[1:] == first[:-1]).sum() < 2200
    assert not torch.equal(first, turns(positions, seed + 1, 0))


@pytest.mark.parametrize(("fill", "mode"), [("zero", "constant"), ("reflect", "reflect")])
@pytest.mark.parametrize("most", [1, 4])
def test_a_shift_moves_whole_pixels(fill, mode, most):
    varied = to_float(shift(IMAGES, most, fill, generator()))
    padded = torch.nn.functional.pad(PIXELS, [most] * 4, mode=mode)
    places = range(2 * most + 1)
    for image, source in zip(varied, padded, strict=True):
        windows = [source[:, y : y + 12, x : x + 10] for y in places for x in places]
        assert sum(torch.equal(image, window) for window in windows) == 1


def test_an_affine_without_amount_is_the_identity():
    varied = augment(IMAGES, AugmentConfig(scale=1e-9), generator())
    torch.testing.assert_close(varied, PIXELS)


def test_a_rotation_keeps_angles_of_images_that_are_not_square():
    spot = torch.zeros(1, 9, 21, 1, dtype=torch.uint8)
    spot[0, 4, 14, 0] = 255  # four pixels right of the centre
    config = AugmentConfig(rotate=90)
    varied = torch.cat([augment(spot, config, generator(seed)) for seed in range(40)])
    rows, columns = torch.meshgrid(torch.arange(9.0) - 4, torch.arange(21.0) - 10, indexing="ij")
    mass = varied[:, 0].sum((1, 2))
    radius = ((varied[:, 0] * (rows**2 + columns**2).sqrt()).sum((1, 2)) / mass)[mass > 0.9]
    torch.testing.assert_close(radius, torch.full_like(radius, 4), atol=0.2, rtol=0)
