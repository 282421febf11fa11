import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from kedja.training.augment import trivial_augment as module
from kedja.training.augment.trivial_augment import OPERATIONS, trivial_augment

PIXELS = np.random.default_rng(0).integers(20, 230, (16, 16, 3), dtype=np.uint8)
IMAGE = torch.from_numpy(PIXELS).permute(2, 0, 1)[None].float() / 255
GEOMETRY = {"rotate", "shear_x", "shear_y", "translate_x", "translate_y"}


@pytest.mark.parametrize("channels", [1, 3])
def test_images_vary_by_seed_and_keep_shape_and_range(channels):
    images = torch.rand(64, channels, 12, 10, generator=torch.Generator().manual_seed(0))
    varied = [trivial_augment(images, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(varied[0], varied[1])
    assert not torch.equal(varied[0], varied[2])
    assert varied[0].shape == images.shape
    assert varied[0].min() >= 0
    assert varied[0].max() <= 1
    untouched = [torch.equal(a, b) for a, b in zip(varied[0], images, strict=True)]
    assert 0 < sum(untouched) < 20


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.__name__ not in {"equalize", "autocontrast"}])
def test_strength_nought_changes_nothing(operation):
    torch.testing.assert_close(
        operation(IMAGE, torch.zeros(1)), IMAGE, atol=2e-6 + 0.004 * (operation.__name__ == "posterize"), rtol=0
    )


@pytest.mark.parametrize(
    ("operation", "enhance"),
    [("brightness", ImageEnhance.Brightness), ("colour", ImageEnhance.Color), ("contrast", ImageEnhance.Contrast)],
)
@pytest.mark.parametrize("strength", [-0.7, 0.1])
def test_colours_change_as_pillow_changes_them(operation, enhance, strength):
    ours = getattr(module, operation)(IMAGE, torch.tensor([strength])).clamp(0, 1)[0].permute(1, 2, 0) * 255
    theirs = np.asarray(enhance(Image.fromarray(PIXELS)).enhance(1 + 0.99 * strength))
    np.testing.assert_allclose(ours.numpy(), theirs, atol=2)


def test_autocontrast_is_pillows():
    ours = module.autocontrast(IMAGE, torch.zeros(1))[0].permute(1, 2, 0) * 255
    np.testing.assert_allclose(ours.numpy(), np.asarray(ImageOps.autocontrast(Image.fromarray(PIXELS))), atol=1)


def test_equalize_spreads_the_ranks_evenly():
    ours = module.equalize(IMAGE, torch.zeros(1))
    assert ours.min() == 0
    assert ours.max() == 1
    assert ours.mean() == pytest.approx(0.5, abs=0.02)
    flat = torch.full((1, 3, 4, 4), 0.3)
    assert torch.equal(module.equalize(flat, torch.zeros(1)), flat)
