"""Variation of training images, a whole batch at once, on the device that trains."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from kedja.training.augment.photographs import colour, crop
from kedja.training.augment.trivial_augment import trivial_augment
from kedja.training.config.schema import AugmentConfig
from kedja.training.models.classifier import to_float


def augment(images: Tensor, config: AugmentConfig, generator: torch.Generator, side: int = 0) -> Tensor:
    """uint8 (N, H, W, C) → a varied copy, float (N, C, H, W) in 0…1; each image draws its own numbers from `generator`.

    Crops come out with the shorter side `side`, where one is given; all else keeps the size.

    What only moves whole pixels is done to bytes, a quarter of the memory that numbers take.
    """
    if config.flip == "random":
        images = flip(images, _uniform(images, generator) < 0.5)
    turned = bool(config.rotate or config.scale)
    if config.shift and not turned:
        images = shift(images, config.shift, config.fill, generator)
    pixels = to_float(images)
    if turned:
        pixels = affine(pixels, config, generator)
    if config.crop:
        pixels = crop(pixels, config.crop, side, generator)
    if config.colour:
        pixels = colour(pixels, config.colour, generator)
    if config.trivial:
        pixels = trivial_augment(pixels, generator)
    return erase(pixels, config.erase, generator) if config.erase else pixels


def check_augment(config: AugmentConfig) -> None:
    """All of it is for images."""


def flip(images: Tensor, mirrored: Tensor) -> Tensor:
    """Mirror left to right those of the images (N, H, W, C) that `mirrored`, bool (N,), names."""
    return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(2), images)


def turns(positions: Tensor, seed: int, epoch: int) -> Tensor:
    """Which images of the split are mirrored in `epoch`, bool (N,): every other time, half of them the first time.

    So an image is seen both ways in any two epochs (alternating flip, Jordan 2024, arXiv:2404.00498).
    """
    # A multiplicative hash (Knuth): the position's own coin, without a table of all images.
    coins = ((positions + 1) * (2654435761 + 2 * seed)) >> 16
    return (coins + epoch) % 2 == 1


def shift(images: Tensor, most: int, fill: str, generator: torch.Generator) -> Tensor:
    """Move each image (N, H, W, C) by whole pixels, up to `most` in each direction."""
    count, height, width, channels = images.shape
    offsets = torch.randint(2 * most + 1, (2, count), generator=generator, device=images.device)
    if fill == "zero":
        images = F.pad(images, [0, 0, most, most, most, most])
    else:
        offsets = offsets - most
    _, tall, wide, _ = images.shape
    rows = _reflected(offsets[0, :, None] + torch.arange(height, device=images.device), tall)
    columns = _reflected(offsets[1, :, None] + torch.arange(width, device=images.device), wide)
    # Whole lines first, which lie together, then pixels: half the time of choosing each pixel by both.
    lines = (torch.arange(count, device=images.device)[:, None] * tall + rows).flatten()
    chosen = images.reshape(count * tall, -1).index_select(0, lines).view(count, height, wide, channels)
    return chosen.gather(2, columns[:, None, :, None].expand(count, height, width, channels))


def _reflected(positions: Tensor, size: int) -> Tensor:
    """Positions beyond an edge, counted back from it."""
    return (size - 1) - ((size - 1) - positions.abs()).abs()


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


def erase(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Blank a rectangle of 2 to 33 % of the area with the batch's mean colour, in that share of the images.

    Random erasing, Zhong et al. 2017, with their range of areas and of aspect ratios.
    """
    height, width = images.shape[2:]
    area = (0.02 + 0.31 * _uniform(images, generator)) * height * width
    aspect = torch.exp(_symmetric(images, generator) * math.log(1 / 0.3))
    chosen = _uniform(images, generator) < share
    rows = _inside(height, (area * aspect).sqrt(), _uniform(images, generator))
    columns = _inside(width, (area / aspect).sqrt(), _uniform(images, generator))
    blank = (chosen[:, None, None] & rows[:, :, None] & columns[:, None, :])[:, None]
    return torch.where(blank, images.mean((0, 2, 3), keepdim=True), images)


def _inside(size: int, length: Tensor, place: Tensor) -> Tensor:
    """Bool (N, size): which pixels of a side lie in a stretch of `length`, `place` (0…1) of the way along."""
    length = length.clamp(1, size).round()
    start = (place * (size - length)).round()
    pixel = torch.arange(size, device=length.device)
    return (pixel >= start[:, None]) & (pixel < (start + length)[:, None])


def _uniform(images: Tensor, generator: torch.Generator) -> Tensor:
    """(N,) in 0…1."""
    return torch.rand(len(images), generator=generator, device=images.device)


def _symmetric(images: Tensor, generator: torch.Generator) -> Tensor:
    """(N,) in -1…1."""
    return 2 * _uniform(images, generator) - 1
