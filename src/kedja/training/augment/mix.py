"""Mixup (Zhang et al. 2017) and cutmix (Yun et al. 2019): each image of a batch with its neighbour, labels too."""

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from kedja.training.config.schema import AugmentConfig


def mix(
    images: Tensor, labels: Tensor, classes: int, config: AugmentConfig, generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Mixed images, and targets float (N, classes) in the same proportion.

    With both switched on, every batch draws one of them. The batch is shuffled already, so the
    neighbour is any image.
    """
    targets = F.one_hot(labels, classes).float()
    if not config.cutmix or (config.mixup and generator.random() < 0.5):
        kept = float(generator.beta(config.mixup, config.mixup))
        images = images * kept + images.roll(1, 0) * (1 - kept)
    else:
        images, kept = _paste(images, float(generator.beta(config.cutmix, config.cutmix)), generator)
    return images, targets * kept + targets.roll(1, 0) * (1 - kept)


def _paste(images: Tensor, kept: float, generator: np.random.Generator) -> tuple[Tensor, float]:
    """A rectangle of the neighbour, and the share of the image that stayed its own."""
    height, width = images.shape[2:]
    rows, columns = round(height * (1 - kept) ** 0.5), round(width * (1 - kept) ** 0.5)
    # The centre may lie anywhere, so the rectangle is cut off at the border, as in the paper.
    middle, centre = int(generator.integers(height)), int(generator.integers(width))
    top, bottom = max(0, middle - rows // 2), min(height, middle - rows // 2 + rows)
    left, right = max(0, centre - columns // 2), min(width, centre - columns // 2 + columns)
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = images.roll(1, 0)[:, :, top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / (height * width)
