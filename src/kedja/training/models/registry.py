"""Name → network. A new one is a file of its own and a line here."""

from collections.abc import Callable

import torch
from torch import nn

from kedja.bundle.image_spec import ImageSpec
from kedja.common.errors import KedjaError, nearest
from kedja.training.config.schema import ModelConfig
from kedja.training.models.airbench import airbench, airbench96
from kedja.training.models.classifier import Classifier
from kedja.training.models.cnn import cnn
from kedja.training.models.pretrained import pretrained
from kedja.training.models.resnet9 import resnet9
from kedja.training.models.timm import timm_network
from kedja.training.models.torchvision import torchvision_network
from kedja.training.optim.layer_groups import head_name

# (configuration, channels, classes, shorter side in pixels) → float (N, C, H, W) → logits (N, classes)
Builder = Callable[[ModelConfig, int, int, int], nn.Module]

MODELS: dict[str, Builder] = {
    "cnn": cnn,
    "resnet9": resnet9,
    "airbench": airbench,
    "airbench96": airbench96,
    "mobilenet_v3_small": torchvision_network,
    "efficientnet_lite0": timm_network,
}
# Libraries of networks: the beginning of a name → who makes what follows.
LIBRARIES: dict[str, Builder] = {"torchvision:": torchvision_network, "timm:": timm_network}


def build(config: ModelConfig, classes: int, spec: ImageSpec, mean: list[float], std: list[float]) -> Classifier:
    """A fresh classifier of raw pixels; the weights come from torch's random state.

    Raises:
        KedjaError: there is no such model, or it cannot take such images.
    """
    builder = builder_of(config.name)
    size = config.image_size
    if config.pretrained:
        weights = pretrained(config)
        mean, std = _for_channels(weights.mean, spec.channels), _for_channels(weights.std, spec.channels)
        # Smaller images than the weights learnt from are enlarged; larger ones show more than they need.
        size = size or (weights.side if min(spec.height, spec.width) < weights.side else 0)
    side = size or min(spec.height, spec.width)
    body = builder(config, spec.channels, classes, side)
    if builder in LIBRARIES.values() and config.dropout:
        head = head_name(body, classes)
        body.set_submodule(head, nn.Sequential(nn.Dropout(config.dropout), body.get_submodule(head)))
    classifier = Classifier(body, mean, std, size)
    _try_out(classifier, config, spec)
    return classifier


def builder_of(name: str) -> Builder:
    """Who makes the network of that name.

    Raises:
        KedjaError: nobody.
    """
    found = next((builder for prefix, builder in LIBRARIES.items() if name.startswith(prefix)), MODELS.get(name))
    if found is None:
        known = [*MODELS, "torchvision:resnet18", "timm:resnet18"]
        raise KedjaError(f"model.name={name}: there is no such model", nearest(name, known))
    return found


def _for_channels(values: list[float], channels: int) -> list[float]:
    """A figure a channel of the images, from one a colour."""
    return values if channels == len(values) else [sum(values) / len(values)] * channels


@torch.inference_mode()
def _try_out(classifier: Classifier, config: ModelConfig, spec: ImageSpec) -> None:
    classifier.eval()
    try:
        classifier(torch.zeros(1, *spec.shape, dtype=torch.uint8))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise KedjaError(
            f"{config.name} cannot take images of {spec.height}×{spec.width} pixels: {str(error).splitlines()[0]}",
            "let them be resized inside the network, for example model.image_size=224",
        ) from None
    classifier.train()
