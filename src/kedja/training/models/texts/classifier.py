"""A network over token ids: the module that is trained, evaluated and exported."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from kedja.bundle.inputs.input import Input
from kedja.bundle.inputs.text.spec import TextInput
from kedja.common.errors import KedjaError
from kedja.training.config.schema import AugmentConfig, ModelConfig
from kedja.training.models.records import find


class TextClassifier(nn.Module):
    """Token ids and mask → logits float32 (N, classes).

    Training hands both over as one tensor, int64 (N, 2, length); the exported graph has an input for each.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.network = nn.Sequential(OrderedDict({"body": body}))

    @property
    def body(self) -> nn.Module:
        """The registry's network: int64 (N, 2, length) → logits (N, classes)."""
        return self.network.get_submodule("body")

    @property
    def side(self) -> int:
        """Texts are not resized."""
        return 0

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        logits: Tensor = self.network(ids if mask is None else torch.stack([ids, mask], dim=1)).float()
        return logits


def build_texts(config: ModelConfig, classes: int, expected: Input, facts: object = None) -> TextClassifier:
    """A fresh classifier of such texts; the weights come from torch's random state.

    Raises:
        KedjaError: the network cannot take them.
    """
    assert isinstance(expected, TextInput)
    classifier = TextClassifier(find(config.name).maker(config, expected, classes))
    shortest = torch.full((1, 2, 1), expected.padding)
    with torch.inference_mode():
        classifier.eval()(shortest)
    return classifier.train()


def as_they_are(texts: Tensor, config: AugmentConfig, generator: torch.Generator, side: int = 0) -> Tensor:
    """Texts are not varied."""
    return texts


def check_augment(config: AugmentConfig) -> None:
    """Raise a `KedjaError` where variation of images is asked for."""
    if config != AugmentConfig():
        raise KedjaError("texts are not varied, and augment= says how images are", "augment=none")
