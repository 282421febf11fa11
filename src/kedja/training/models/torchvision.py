"""Networks of torchvision, with their first and last layer adapted to the data set."""

from torch import nn

from kedja.bundle.errors import KedjaError


def mobilenet_v3_small(
    channels: int, classes: int, side: int, width: float = 1.0, dropout: float = 0.0, pretrained: bool = False
) -> nn.Module:
    """MobileNetV3-Small (Howard et al. 2019); `width` is its own multiplier."""
    from torchvision.models import MobileNet_V3_Small_Weights
    from torchvision.models import mobilenet_v3_small as build

    if pretrained:
        if width != 1:
            raise KedjaError(f"no pretrained weights for model.width={width}", "model.width=1 or model.pretrained=false")
        network = _with_weights(lambda: build(weights=MobileNet_V3_Small_Weights.DEFAULT))
    else:
        network = build(width_mult=width)
    last = network.classifier[-1]
    network.classifier[-1] = nn.Linear(last.in_features, classes)
    network.classifier[-2] = nn.Dropout(dropout)
    adapt_input(network.features[0], channels)
    return network  # type: ignore[no-any-return]


def adapt_input(parent: nn.Module, channels: int) -> None:
    """Replace the first convolution by one for `channels`; weights of three colours are averaged for greyscale."""
    first = parent[0]  # type: ignore[index]
    if first.in_channels == channels:
        return
    adapted = nn.Conv2d(
        channels, first.out_channels, first.kernel_size, first.stride, first.padding, bias=first.bias is not None
    )
    # The sum over colours of a grey image's response stays what it was.
    adapted.weight.data = first.weight.data.sum(1, keepdim=True).expand(-1, channels, -1, -1) / channels
    parent[0] = adapted  # type: ignore[index]


def _with_weights(build):  # type: ignore[no-untyped-def]
    try:
        return build()
    except OSError as error:
        raise KedjaError(
            f"the pretrained weights cannot be had: {error}",
            "put them into torch's cache (~/.cache/torch/hub/checkpoints), or model.pretrained=false",
        ) from None
