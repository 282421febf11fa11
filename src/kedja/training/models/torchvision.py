"""Any classification network of torchvision, with its first and last layer made for the data set."""

from typing import Any

from torch import nn

from kedja.common.errors import KedjaError, nearest
from kedja.training.config.schema import ModelConfig
from kedja.training.models.records import ARCHITECTURES, TORCHVISION, Architecture
from kedja.training.models.weights.origin import Origin, checkpoints, of_file

# Some networks average their batch statistics over thousands of steps, which a short run never takes.
STATISTICS_MOMENTUM = 0.1


def torchvision_network(config: ModelConfig, channels: int, classes: int, side: int) -> nn.Module:
    """The network `config.name` names, with fresh weights.

    Raises:
        KedjaError: torchvision has no such classification network, or it has no `model.width`.
    """
    import torchvision
    from torchvision.models import get_model, list_models

    name, known = architecture(config), list_models(module=torchvision.models)
    if name not in known:
        raise KedjaError(f"torchvision has no classification network {name!r}", nearest(name, known))
    record = ARCHITECTURES.get(name, Architecture())
    arguments: dict[str, Any] = dict(record.arguments)
    if config.width != 1:
        if not record.width:
            raise KedjaError(f"{name} has no model.width", "model.width=1")
        arguments[record.width] = config.width
    if record.side:
        arguments[record.side] = side
    try:
        network: nn.Module = get_model(name, num_classes=classes, **arguments)
    except (ValueError, RuntimeError, AssertionError) as error:
        raise KedjaError(
            f"{name} cannot be made for images of {side} pixels: {error}", "set model.image_size"
        ) from None
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = STATISTICS_MOMENTUM
    _adapt_input(network, channels)
    return network


def published_weights(config: ModelConfig) -> tuple[dict[str, Any], Origin]:
    """The weights that torchvision publishes, from torch's cache or its server.

    Raises:
        KedjaError: they cannot be had; names the file, and where to put it.
    """
    from torchvision.models import get_model_weights

    name = architecture(config)
    weights = get_model_weights(name)["DEFAULT"]
    file = checkpoints() / weights.url.rpartition("/")[2]
    try:
        # The hash is that of a download; a file that lies in the cache already is anybody's.
        state: dict[str, Any] = weights.get_state_dict(check_hash=True, weights_only=True)
    except Exception as error:  # noqa: BLE001 -- of the network, of files, and of torch for files that hold more than data
        raise KedjaError(
            f"the pretrained weights of {name} cannot be had: {str(error).partition(chr(10))[0]}",
            f"connect to the network, or put {file.name} there: {file}",
        ) from None
    return state, of_file(file, weights.name)


def architecture(config: ModelConfig) -> str:
    """`resnet18` of `torchvision:resnet18`."""
    return config.name.removeprefix(TORCHVISION)


def _adapt_input(network: nn.Module, channels: int) -> None:
    """A first convolution that takes `channels`; its weights are fresh, or come with `initial_weights`."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            if module.in_channels != channels:
                new = nn.Conv2d(
                    channels,
                    module.out_channels,
                    module.kernel_size,  # type: ignore[arg-type]
                    module.stride,  # type: ignore[arg-type]
                    module.padding,  # type: ignore[arg-type]
                    bias=module.bias is not None,
                )
                network.set_submodule(name, new)
            return
