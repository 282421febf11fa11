"""Name → network. A new one is a file of its own and a line here."""

from collections.abc import Callable

from torch import nn

from kedja.bundle.errors import KedjaError, nearest
from kedja.bundle.image_spec import ImageSpec
from kedja.training.models.classifier import Classifier
from kedja.training.models.cnn import cnn
from kedja.training.models.resnet9 import resnet9
from kedja.training.models.torchvision import mobilenet_v3_small
from kedja.training.schema import ModelConfig

# (configuration, channels, classes, shorter side in pixels) → float (N, C, H, W) → logits (N, classes)
Builder = Callable[[ModelConfig, int, int, int], nn.Module]

MODELS: dict[str, Builder] = {"cnn": cnn, "resnet9": resnet9, "mobilenet_v3_small": mobilenet_v3_small}
WITH_PUBLISHED_WEIGHTS = ("mobilenet_v3_small",)


def build(config: ModelConfig, classes: int, spec: ImageSpec, mean: list[float], std: list[float]) -> Classifier:
    """A fresh classifier of raw pixels; the weights come from torch's random state.

    Raises:
        KedjaError: there is no such model, or its pretrained weights cannot be had.
    """
    if config.name not in MODELS:
        raise KedjaError(f"model.name={config.name}: there is no such model", nearest(config.name, list(MODELS)))
    if config.pretrained and config.name not in WITH_PUBLISHED_WEIGHTS:
        raise KedjaError(f"there are no published weights for {config.name}", "model.pretrained=false")
    side = config.image_size or min(spec.height, spec.width)
    body = MODELS[config.name](config, spec.channels, classes, side)
    return Classifier(body, mean, std, config.image_size)
