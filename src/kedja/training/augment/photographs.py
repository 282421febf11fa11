"""What photographs of one thing differ in: how near it is, where in the picture, and in what light."""

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

# Of an image's width to its height, at the most, as in Szegedy et al. 2015.
MOST_ASPECT = 4 / 3
# What the eye makes of red, green and blue (ITU-R BT.601).
LUMINANCE = (0.299, 0.587, 0.114)


def crop(images: Tensor, least: float, side: int, generator: torch.Generator) -> Tensor:
    """Cut from each image a rectangle of `least` to all of its area and bring it to one size ("Inception crops").

    Args:
        images: float (N, C, H, W).
        side: of the shorter side of what comes out; 0, or more than there is, keeps the images' size.
    """
    count, channels, height, width = images.shape
    area = _uniform(images, generator, least, 1.0)
    aspect = torch.exp(_uniform(images, generator, -math.log(MOST_ASPECT), math.log(MOST_ASPECT)))
    wide, tall = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    right = _uniform(images, generator, -1.0, 1.0) * (1 - wide)
    down = _uniform(images, generator, -1.0, 1.0) * (1 - tall)
    nothing = torch.zeros_like(wide)
    matrix = torch.stack([torch.stack([wide, nothing, right], 1), torch.stack([nothing, tall, down], 1)], 1)
    factor = min(1.0, side / min(height, width)) if side else 1.0
    size = [count, channels, round(height * factor), round(width * factor)]
    grid = F.affine_grid(matrix, size, align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def colour(images: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Brightness, contrast and saturation of each image (N, C, H, W) in 0…1, each times 1 - `most` to 1 + `most`."""
    brightness, contrast, saturation = (
        _uniform(images, generator, 1 - most, 1 + most).view(-1, 1, 1, 1) for _ in range(3)
    )
    images = images * brightness
    if images.shape[1] == len(LUMINANCE):
        grey = (images * luminance(images.device)).sum(1, keepdim=True)
        images = torch.lerp(grey, images, saturation)
    middle = images.mean((1, 2, 3), keepdim=True)
    return torch.lerp(middle, images, contrast).clamp(0, 1)


@cache
def luminance(device: torch.device) -> Tensor:
    """`LUMINANCE` as (1, 3, 1, 1), copied to a device once: each copy would make a GPU wait."""
    return torch.tensor(LUMINANCE, device=device).view(1, -1, 1, 1)


def _uniform(images: Tensor, generator: torch.Generator, low: float, high: float) -> Tensor:
    """(N,) in `low`…`high`."""
    return low + (high - low) * torch.rand(len(images), generator=generator, device=images.device)
