"""TrivialAugment (Müller and Hutter 2021): one operation of uniformly random strength an image, on a whole batch."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from kedja.training.augment.photographs import luminance

# Images float (N, C, H, W) in 0…1 and strengths (N,) in -1…1 → images.
Operation = Callable[[Tensor, Tensor], Tensor]

ROTATE = math.radians(135)  # the paper's wide ranges
SHEAR = 0.99
TRANSLATE = 2 * 32 / 224  # 32 pixels of ImageNet's 224, in units of half the image


def trivial_augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """A copy in which each image went through one random operation.

    All images go through every operation and each keeps the result of its own: choosing by mask needs no
    waiting for a GPU, and the operations are cheap beside a network.
    """
    count, device = len(images), images.device
    chosen = torch.randint(len(OPERATIONS) + 1, (count,), generator=generator, device=device)
    strength = 2 * torch.rand(count, generator=generator, device=device) - 1
    result = images  # the last number stands for the identity
    for index, operation in enumerate(OPERATIONS):
        result = torch.where((chosen == index).view(-1, 1, 1, 1), operation(images, strength), result)
    return result.clamp(0, 1)


def blend(other: Tensor, images: Tensor, strength: Tensor) -> Tensor:
    """From `other` (-1) over the image (0) to as far beyond it (1)."""
    return other + (1 + 0.99 * strength.view(-1, 1, 1, 1)) * (images - other)


def brightness(images: Tensor, strength: Tensor) -> Tensor:
    return blend(torch.zeros_like(images), images, strength)


def contrast(images: Tensor, strength: Tensor) -> Tensor:
    return blend(grey(images).mean((1, 2, 3), keepdim=True).expand_as(images), images, strength)


def colour(images: Tensor, strength: Tensor) -> Tensor:
    return blend(grey(images).expand_as(images), images, strength)


def sharpness(images: Tensor, strength: Tensor) -> Tensor:
    channels = images.shape[1]
    kernel = torch.ones(3, 3, device=images.device)
    kernel[1, 1] = 5  # the smoothing filter of Pillow's ImageEnhance
    kernel = (kernel / kernel.sum()).expand(channels, 1, 3, 3)
    smooth = F.conv2d(F.pad(images, [1] * 4, mode="replicate"), kernel, groups=channels)
    return blend(smooth, images, strength)


def posterize(images: Tensor, strength: Tensor) -> Tensor:
    """Keep 2 to 8 bits."""
    levels = 2 ** (8 - (6 * strength.abs()).floor()).view(-1, 1, 1, 1)
    return (images * 255 / 256 * levels).floor() / levels * 256 / 255


def solarize(images: Tensor, strength: Tensor) -> Tensor:
    """Invert what is brighter than a threshold."""
    return torch.where(images > 1 - strength.abs().view(-1, 1, 1, 1), 1 - images, images)


def autocontrast(images: Tensor, strength: Tensor) -> Tensor:
    """Stretch each channel to the whole range."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    return torch.where(high > low, (images - low) / (high - low).clamp_min(1e-6), images)


def equalize(images: Tensor, strength: Tensor) -> Tensor:
    """Each channel's values by their rank: a flat histogram of 256 bins."""
    bins = (images.flatten(2) * 255).round().long()
    histogram = torch.zeros(*images.shape[:2], 256, dtype=torch.long, device=images.device)
    histogram.scatter_add_(2, bins, torch.ones_like(bins))
    below = histogram.cumsum(2) - histogram
    span = (bins.shape[2] - histogram.gather(2, bins.amax(2, keepdim=True))).clamp_min(1)
    return torch.where(span > 1, below.gather(2, bins) / span, images.flatten(2)).view_as(images)


def rotate(images: Tensor, strength: Tensor) -> Tensor:
    height, width = images.shape[2:]
    cos, sin = torch.cos(ROTATE * strength), torch.sin(ROTATE * strength)
    return _warp(images, a=cos, b=-sin * height / width, c=sin * width / height, d=cos)


def shear_x(images: Tensor, strength: Tensor) -> Tensor:
    return _warp(images, b=SHEAR * strength)


def shear_y(images: Tensor, strength: Tensor) -> Tensor:
    return _warp(images, c=SHEAR * strength)


def translate_x(images: Tensor, strength: Tensor) -> Tensor:
    return _warp(images, right=TRANSLATE * strength)


def translate_y(images: Tensor, strength: Tensor) -> Tensor:
    return _warp(images, down=TRANSLATE * strength)


OPERATIONS: tuple[Operation, ...] = (
    *(brightness, contrast, colour, sharpness, posterize, solarize, autocontrast, equalize),
    *(rotate, shear_x, shear_y, translate_x, translate_y),
)


def grey(images: Tensor) -> Tensor:
    """Luminance (N, 1, H, W)."""
    if images.shape[1] == 1:
        return images
    return (images * luminance(images.device)).sum(1, keepdim=True)


def _warp(
    images: Tensor,
    *,
    a: Tensor | float = 1.0,
    b: Tensor | float = 0.0,
    c: Tensor | float = 0.0,
    d: Tensor | float = 1.0,
    right: Tensor | float = 0.0,
    down: Tensor | float = 0.0,
) -> Tensor:
    """Sample at (a x + b y + right, c x + d y + down); black comes in at the border."""
    nothing = torch.zeros(len(images), device=images.device)
    values = [value + nothing for value in (a, b, right, c, d, down)]
    grid = F.affine_grid(torch.stack(values, 1).view(-1, 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
