"""ResNet-9: the small residual network of fast CIFAR-10 training (David Page, "How to train your ResNet", 2018)."""

from torch import nn

from kedja.training.config.schema import ModelConfig
from kedja.training.models.layers import Residual, Scale, conv_block, head

CHANNELS = (64, 128, 256, 512)
# Page scales the last layer's output down, which keeps early logits small under a high learning rate.
LOGIT_SCALE = 0.125


def resnet9(config: ModelConfig, channels: int, classes: int, side: int) -> nn.Module:
    """Eight convolutions and a linear layer; images under 32 pixels are halved less often."""
    first, second, third, fourth = (max(8, round(c * config.width)) for c in CHANNELS)
    return nn.Sequential(
        conv_block(channels, first),
        conv_block(first, second, pool=side >= 8),
        Residual(conv_block(second, second), conv_block(second, second)),
        conv_block(second, third, pool=side >= 16),
        conv_block(third, fourth, pool=side >= 32),
        Residual(conv_block(fourth, fourth), conv_block(fourth, fourth)),
        head(fourth, classes, config.dropout),
        Scale(LOGIT_SCALE),
    )
