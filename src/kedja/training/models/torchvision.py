"""Networks of torchvision, with their first and last layer adapted to the data set."""

from typing import Any

from torch import nn

from kedja.bundle.errors import KedjaError
from kedja.training.schema import ModelConfig

# MobileNetV3 averages its batch statistics over thousands of steps, which a short run never takes.
STATISTICS_MOMENTUM = 0.1


def mobilenet_v3_small(config: ModelConfig, channels: int, classes: int, side: int) -> nn.Module:
    """MobileNetV3-Small (Howard et al. 2019); `model.width` is its own multiplier, `side` does not matter to it."""
    network = _build_mobilenet(config)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = STATISTICS_MOMENTUM
    *_, dropout, last = network.classifier
    dropout.p = config.dropout
    network.classifier[-1] = nn.Linear(last.in_features, classes)
    network.features[0][0] = adapted(network.features[0][0], channels)
    body: nn.Module = network
    return body


def adapted(first: nn.Conv2d, channels: int) -> nn.Conv2d:
    """A first convolution for `channels`; on greyscale it answers as the given one does on equal colours."""
    if first.in_channels == channels:
        return first
    new = nn.Conv2d(channels, first.out_channels, first.kernel_size, first.stride, first.padding, bias=False)  # type: ignore[arg-type]
    new.weight.data = first.weight.data.sum(1, keepdim=True).expand(-1, channels, -1, -1) / channels
    return new


def _build_mobilenet(config: ModelConfig) -> Any:
    from torchvision.models import MobileNet_V3_Small_Weights
    from torchvision.models import mobilenet_v3_small as build

    if not config.pretrained:
        return build(width_mult=config.width)
    if config.width != 1:
        raise KedjaError(f"no pretrained weights for model.width={config.width}", "model.width=1")
    try:
        return build(weights=MobileNet_V3_Small_Weights.DEFAULT)
    except (OSError, RuntimeError) as error:
        raise KedjaError(
            f"the pretrained weights cannot be had: {error}",
            "connect to the network, or put them into ~/.cache/torch/hub/checkpoints/, or model.pretrained=false",
        ) from None
