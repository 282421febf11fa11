"""Variation of training images, a whole batch at once, on the device that trains."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from kedja.training.schema import AugmentConfig


def augment(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """A varied copy of `images`, float (N, C, H, W) in 0…1; each image draws its own numbers from `generator`."""
    if config.flip:
        images = flip(images, generator)
    if config.rotate or config.scale:
        return affine(images, config, generator)
    return shift(images, config.shift, config.fill, generator) if config.shift else images


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right with probability one half."""
    mirrored = _uniform(images, generator) < 0.5
    return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)


def shift(images: Tensor, most: int, fill: str, generator: torch.Generator) -> Tensor:
    """Move each image by whole pixels, up to `most` in each direction."""
    count, _channels, height, width = images.shape
    padded = F.pad(images, [most] * 4, mode="constant" if fill == "zero" else "reflect")
    offsets = torch.randint(2 * most + 1, (2, count), generator=generator, device=images.device)
    rows = offsets[0, :, None] + torch.arange(height, device=images.device)
    columns = offsets[1, :, None] + torch.arange(width, device=images.device)
    every = torch.arange(count, device=images.device)[:, None, None]
    # Advanced indexing around a slice puts the indexed axes first: (N, H, W, C), channels-last.
    return padded[every, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def affine(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Rotate, scale and shift each image in one bilinear resampling."""
    height, width = images.shape[2:]
    angle = _symmetric(images, generator) * math.radians(config.rotate)
    scale = 1 + _symmetric(images, generator) * config.scale
    # Positions run from -1 to 1 over the image, so one pixel is 2 / width.
    right = _symmetric(images, generator) * config.shift * 2 / width
    down = _symmetric(images, generator) * config.shift * 2 / height
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    matrix = torch.stack(
        [torch.stack([cos, -sin * height / width, right], 1), torch.stack([sin * width / height, cos, down], 1)], 1
    )
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    padding = "zeros" if config.fill == "zero" else "reflection"
    return F.grid_sample(images, grid, padding_mode=padding, align_corners=False)


def _uniform(images: Tensor, generator: torch.Generator) -> Tensor:
    """(N,) in 0…1."""
    return torch.rand(len(images), generator=generator, device=images.device)


def _symmetric(images: Tensor, generator: torch.Generator) -> Tensor:
    """(N,) in -1…1."""
    return 2 * _uniform(images, generator) - 1
