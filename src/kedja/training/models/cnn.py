"""A plain convolutional network: stages of two 3×3 convolutions, halving the image and doubling the channels."""

from torch import nn

from kedja.training.config.schema import ModelConfig
from kedja.training.models.layers import conv_block, head

CHANNELS = (32, 64, 128, 256)


def cnn(config: ModelConfig, channels: int, classes: int, side: int) -> nn.Module:
    """Two stages for images of 8 pixels, three from 16, four from 32.

    Args:
        channels: of the input.
        side: the input's shorter side in pixels.
    """
    stages = 2 + (side >= 16) + (side >= 32)
    layers: list[nn.Module] = []
    for index in range(stages):
        outputs = max(8, round(CHANNELS[index] * config.width))
        last = index == stages - 1
        layers += [conv_block(channels, outputs), conv_block(outputs, outputs, pool=not last)]
        channels = outputs
    return nn.Sequential(*layers, head(channels, classes, config.dropout))
