"""A network with what turns raw pixels into its input: the module that is trained, evaluated and exported."""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Normalise(nn.Module):
    """Pixels in 0…1 to zero mean and unit deviation per channel, by the training split's statistics."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        # A channel that never varies has no deviation to divide by.
        self.register_buffer("std", torch.tensor(std).clamp_min(1e-3).view(1, -1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels - self.mean) / self.std


class Resize(nn.Module):
    """To the network's working size, bilinear."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, pixels: Tensor) -> Tensor:
        return F.interpolate(pixels, size=(self.side, self.side), mode="bilinear", align_corners=False)


class Classifier(nn.Module):
    """Raw pixels uint8 (N, H, W, C) → logits float32 (N, classes).

    Training augments in place of the first half: `network(augment(image))`.
    """

    def __init__(self, body: nn.Module, mean: list[float], std: list[float], image_size: int = 0) -> None:
        super().__init__()
        layers: dict[str, nn.Module] = {"normalise": Normalise(mean, std)}
        if image_size:
            layers["resize"] = Resize(image_size)
        self.network = nn.Sequential(OrderedDict(layers | {"body": body}))

    @property
    def body(self) -> nn.Module:
        """The registry's network: normalised float (N, C, H, W) → logits (N, classes)."""
        return self.network.get_submodule("body")

    @property
    def side(self) -> int:
        """To which the network resizes its images; 0 where it takes them as they are."""
        resize = dict(self.network.named_children()).get("resize")
        return resize.side if isinstance(resize, Resize) else 0

    def prepare(self, image: Tensor) -> Tensor:
        """What the body gets of raw pixels."""
        before = [layer for name, layer in self.network.named_children() if name != "body"]
        inputs: Tensor = nn.Sequential(*before)(to_float(image))
        return inputs

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(to_float(image)).float()
        return logits


def to_float(image: Tensor) -> Tensor:
    """uint8 (N, H, W, C) → float32 (N, C, H, W) in 0…1, channels last in memory as it came."""
    return image.permute(0, 3, 1, 2).float() / 255
