"""Small images first: early steps learn coarse things, which show at half the pixels and cost half.

Progressive resizing, as in Howard's DAWNBench entries (fast.ai 2018) and FFCV (Leclerc et al. 2023).
"""

from torch import Tensor
from torch.nn import functional as F

from kedja.training.config.schema import AugmentConfig


def side_at(step: int, steps: int, config: AugmentConfig) -> int:
    """The side in pixels to which images of `step` (from 0) of `steps` are shrunk; 0 keeps their size."""
    return config.early_side if step < config.early_share * steps else 0


def shrink(images: Tensor, side: int) -> Tensor:
    """Float (N, C, H, W) with the shorter side brought to `side`; smaller images stay as they are."""
    if not side:
        return images
    height, width = images.shape[2:]
    factor = side / min(height, width)
    if factor >= 1:
        return images
    size = (round(height * factor), round(width * factor))
    return F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)
