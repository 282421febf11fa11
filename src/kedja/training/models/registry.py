"""Name → network. A new one is a file of its own and a line here."""

from typing import TYPE_CHECKING

from kedja.bundle.errors import KedjaError, nearest
from kedja.bundle.image_spec import ImageSpec
from kedja.training.models.classifier import Classifier
from kedja.training.models.cnn import cnn
from kedja.training.models.resnet9 import resnet9
from kedja.training.models.torchvision import mobilenet_v3_small
from kedja.training.schema import ModelConfig

if TYPE_CHECKING:
    from torch import nn

MODELS = {"cnn": cnn, "resnet9": resnet9, "mobilenet_v3_small": mobilenet_v3_small}


def build(config: ModelConfig, classes: int, spec: ImageSpec, mean: list[float], std: list[float]) -> Classifier:
    """A fresh classifier of raw pixels; the weights come from torch's random state.

    Raises:
        KedjaError: there is no such model, or it does not know a setting.
    """
    if config.name not in MODELS:
        raise KedjaError(f"model.name={config.name}: there is no such model", nearest(config.name, list(MODELS)))
    side = config.image_size or min(spec.height, spec.width)
    body: nn.Module
    if config.name == "mobilenet_v3_small":
        body = mobilenet_v3_small(spec.channels, classes, side, config.width, config.dropout, config.pretrained)
    elif config.pretrained:
        raise KedjaError(f"there are no published weights for {config.name}", "model.pretrained=false")
    else:
        body = MODELS[config.name](spec.channels, classes, side, config.width, config.dropout)
    return Classifier(body, mean, std, config.image_size)
