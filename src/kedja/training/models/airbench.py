"""The networks of the CIFAR-10 speed runs: few layers, each where its arithmetic counts.

Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024 (arXiv:2404.00498).
"""

from collections.abc import Callable

from torch import nn

from kedja.training.config.schema import ModelConfig
from kedja.training.models.layers import Residual, Scale, head
from kedja.training.models.whitening import Whitening

CHANNELS = (64, 256, 256)
# (channels in, channels out, whether the image is halved) → one stage
Stage = Callable[[int, int, bool], nn.Module]
# Keeps early logits small under a high learning rate.
LOGIT_SCALE = 1 / 9
# Batch statistics are followed faster than by default (0.1), since runs are short.
MOMENTUM = 0.4


def airbench(config: ModelConfig, channels: int, classes: int, side: int) -> nn.Module:
    """A whitening layer, three stages of two convolutions that halve the image, and a linear layer.

    The max-pooling follows the first convolution of a stage directly, so that normalisation and activation work
    on a quarter of the positions. Images under 32 pixels are halved less often.
    """
    return _network(config, channels, classes, side, _plain_stage)


def airbench96(config: ModelConfig, channels: int, classes: int, side: int) -> nn.Module:
    """The same with three convolutions a stage, the last two around a shortcut, and GELU: for long runs."""
    return _network(config, channels, classes, side, _shortcut_stage)


def _network(config: ModelConfig, channels: int, classes: int, side: int, stage: Stage) -> nn.Module:
    whitening = Whitening(channels)
    # Over the most positions, and behind filters in pairs of both signs: a ReLU whatever follows.
    layers: list[nn.Module] = [whitening, nn.ReLU()]
    inputs = whitening.outputs
    for index, most in enumerate(CHANNELS):
        outputs = max(8, round(most * config.width))
        layers.append(stage(inputs, outputs, side >= 8 * 2**index))
        inputs = outputs
    return nn.Sequential(*layers, head(inputs, classes, config.dropout), Scale(LOGIT_SCALE))


def _plain_stage(inputs: int, outputs: int, halved: bool) -> nn.Module:
    first, second = _unit(inputs, outputs, halved=halved), _unit(outputs, outputs)
    return nn.Sequential(*first, nn.ReLU(), *second, nn.ReLU())


def _shortcut_stage(inputs: int, outputs: int, halved: bool) -> nn.Module:
    first, second, third = _unit(inputs, outputs, halved=halved), _unit(outputs, outputs), _unit(outputs, outputs)
    return nn.Sequential(*first, nn.GELU(), Residual(*second, nn.GELU(), *third), nn.GELU())


def _unit(inputs: int, outputs: int, *, halved: bool = False) -> list[nn.Module]:
    pooling = [nn.MaxPool2d(2)] if halved else []
    return [_convolution(inputs, outputs), *pooling, nn.BatchNorm2d(outputs, momentum=MOMENTUM)]


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """3×3 without bias; its first filters pass their channel through, so that signals reach the end from the start."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.dirac_(layer.weight.data[:inputs])
    return layer
