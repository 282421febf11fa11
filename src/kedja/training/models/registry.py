"""Name → network. A new one is a file of its own and a line here."""

from collections.abc import Callable

import torch
from torch import nn

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError, nearest
from kedja.training.config.schema import ModelConfig
from kedja.training.models.airbench import airbench, airbench96
from kedja.training.models.classifier import Classifier
from kedja.training.models.cnn import cnn
from kedja.training.models.resnet9 import resnet9
from kedja.training.models.torchvision import PREFIX, torchvision_network
from kedja.training.optim.layer_groups import head_name

# (configuration, channels, classes, shorter side in pixels) → float (N, C, H, W) → logits (N, classes)
Builder = Callable[[ModelConfig, int, int, int], nn.Module]

MODELS: dict[str, Builder] = {
    "cnn": cnn,
    "resnet9": resnet9,
    "airbench": airbench,
    "airbench96": airbench96,
    "mobilenet_v3_small": torchvision_network,
}


def build(config: ModelConfig, classes: int, spec: ImageSpec, mean: list[float], std: list[float]) -> Classifier:
    """A fresh classifier of raw pixels; the weights come from torch's random state.

    Raises:
        KedjaError: there is no such model, or it cannot take such images.
    """
    builder = torchvision_network if config.name.startswith(PREFIX) else MODELS.get(config.name)
    if builder is None:
        known = [*MODELS, f"{PREFIX}resnet18"]
        raise KedjaError(f"model.name={config.name}: there is no such model", nearest(config.name, known))
    side = config.image_size or min(spec.height, spec.width)
    body = builder(config, spec.channels, classes, side)
    if builder is torchvision_network and config.dropout:
        head = head_name(body, classes)
        body.set_submodule(head, nn.Sequential(nn.Dropout(config.dropout), body.get_submodule(head)))
    classifier = Classifier(body, mean, std, config.image_size)
    _try_out(classifier, config, spec)
    return classifier


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
