"""A configuration → its network, tried out; `records` says which there are."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.inputs.input import Input
from kedja.common.errors import KedjaError
from kedja.training.config.schema import ModelConfig
from kedja.training.kinds import taken
from kedja.training.models.classifier import Classifier
from kedja.training.models.records import find
from kedja.training.models.weights.pretrained import published
from kedja.training.optim.layer_groups import head_name


def build_for(config: ModelConfig, expected: Input, facts: Mapping[str, Any]) -> Classifier:
    """A fresh classifier of such examples; the weights come from torch's random state.

    Args:
        facts: of the data set (`PreparedDataset.facts`).

    Raises:
        KedjaError: there is no such model, or it cannot take such examples.
    """
    if expected.kind not in find(config.name).kinds:
        raise KedjaError(f"{config.name} takes no {expected.nouns}", "just experiments runs what does")
    classifier: Classifier = taken(expected.kind).build(config, len(facts["classes"]), expected, facts)
    return classifier


def build_images(config: ModelConfig, classes: int, spec: ImageSpec, facts: Mapping[str, Any]) -> Classifier:
    """`build`, with the channels' mean and deviation as the data set has them."""
    return build(config, classes, spec, list(facts["mean"]), list(facts["std"]))


def build(config: ModelConfig, classes: int, spec: ImageSpec, mean: list[float], std: list[float]) -> Classifier:
    """A fresh classifier of raw pixels; the weights come from torch's random state.

    Raises:
        KedjaError: there is no such model, or it cannot take such images.
    """
    record, size = find(config.name), config.image_size
    if config.pretrained:
        weights = published(config)
        mean, std = _for_channels(weights.mean, spec.channels), _for_channels(weights.std, spec.channels)
        # Smaller images than the weights learnt from are enlarged; larger ones show more than they need.
        size = size or (weights.side if min(spec.height, spec.width) < weights.side else 0)
    side = size or min(spec.height, spec.width)
    body = record.maker(config, spec.channels, classes, side)
    if config.dropout and not record.drops_out:
        head = head_name(body, classes)
        body.set_submodule(head, nn.Sequential(nn.Dropout(config.dropout), body.get_submodule(head)))
    classifier = Classifier(body, mean, std, size)
    _try_out(classifier, config, spec)
    return classifier


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
