"""A network whose last layer sees its late stages too: what is seen small and what is seen whole, side by side."""

from typing import Any

import torch
from torch import Tensor, nn

from kedja.common.errors import KedjaError
from kedja.training.config.schema import ModelConfig
from kedja.training.models.timm import timm_network

# Stages before the last whose means and maxima join the features.
STAGES = 2


class Staged(nn.Module):
    """An EfficientNet of timm; mean and maximum over the places of its late stages stand beside its own features.

    The names of its tensors are those of the network, so that its weights fit.
    """

    def __init__(self, network: Any, classes: int) -> None:
        super().__init__()
        self.conv_stem, self.bn1, self.blocks = network.conv_stem, network.bn1, network.blocks
        self.conv_head, self.bn2 = network.conv_head, network.bn2
        self.last = len(self.blocks) - 1
        widths = [stage[-1].conv_pwl.out_channels for stage in list(self.blocks)[-1 - STAGES : -1]]
        self.classifier = nn.Linear(self.conv_head.out_channels + 2 * sum(widths), classes)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised float (N, C, H, W) → logits (N, classes)."""
        x, found = self.bn1(self.conv_stem(images)), []
        for number, stage in enumerate(self.blocks):
            x = stage(x)
            if self.last - STAGES <= number < self.last:
                found += [x.mean((2, 3)), x.amax((2, 3))]
        x = self.bn2(self.conv_head(x))
        logits: Tensor = self.classifier(torch.cat([x.mean((2, 3)), *found], 1))
        return logits


def staged_network(config: ModelConfig, channels: int, classes: int, side: int) -> nn.Module:
    """`timm_network` as `Staged`.

    Raises:
        KedjaError: what that raises, or the network is no EfficientNet.
    """
    network = timm_network(config, channels, classes, side)
    if not hasattr(network, "conv_head") or not hasattr(network, "blocks"):
        raise KedjaError(f"{config.name} has no stages that could be seen", "an EfficientNet")
    return Staged(network, classes)
