"""The network of the CIFAR-10 speed runs: few layers, each where its arithmetic counts.

Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024 (arXiv:2404.00498).
"""

from torch import nn

from kedja.training.models.layers import Scale, head
from kedja.training.models.whitening import Whitening
from kedja.training.schema import ModelConfig

CHANNELS = (64, 256, 256)
# Keeps early logits small under a high learning rate.
LOGIT_SCALE = 1 / 9
# Batch statistics are followed faster than by default (0.1), since runs are short.
MOMENTUM = 0.4


def airbench(config: ModelConfig, channels: int, classes: int, side: int) -> nn.Module:
    """A whitening layer, three stages of two convolutions that halve the image, and a linear layer.

    The maximum follows the first convolution of a stage directly, so that normalisation and activation work
    on a quarter of the positions. Images under 32 pixels are halved less often.
    """
    whitening = Whitening(channels)
    layers: list[nn.Module] = [whitening, nn.ReLU()]
    inputs = whitening.outputs
    for index, most in enumerate(CHANNELS):
        outputs = max(8, round(most * config.width))
        layers.append(_stage(inputs, outputs, pool=side >= 8 * 2**index))
        inputs = outputs
    return nn.Sequential(*layers, head(inputs, classes, config.dropout), Scale(LOGIT_SCALE))


def _stage(inputs: int, outputs: int, pool: bool) -> nn.Sequential:
    first = [_convolution(inputs, outputs), *([nn.MaxPool2d(2)] if pool else []), *_normalised(outputs)]
    return nn.Sequential(*first, _convolution(outputs, outputs), *_normalised(outputs))


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """3×3 without bias; its first filters pass their channel through, so that signals reach the end from the start."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.dirac_(layer.weight.data[:inputs])
    return layer


def _normalised(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels, momentum=MOMENTUM), nn.ReLU()]
