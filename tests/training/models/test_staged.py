import pytest
import torch
from torch import nn

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.training.config.schema import ModelConfig
from kedja.training.models.registry import build
from kedja.training.models.staged import staged_network
from kedja.training.models.weights.initial import initialise

PLAIN, STAGED = (ModelConfig(name, pretrained=True) for name in ("efficientnet_lite0", "efficientnet_lite0_stages"))


def test_its_last_layer_sees_what_the_network_s_own_does_and_more():
    spec = ImageSpec(64, 64, 3)
    plain, staged = (build(config, 5, spec, [0.5] * 3, [0.5] * 3).eval() for config in (PLAIN, STAGED))
    for config, model in ((PLAIN, plain), (STAGED, staged)):
        initialise(model.body, config, lambda line: None)
    own, wide = (model.body.get_submodule("classifier") for model in (plain, staged))
    assert isinstance(own, nn.Linear)
    assert isinstance(wide, nn.Linear)
    with torch.inference_mode():
        wide.weight.zero_()
        wide.weight[:, : own.in_features] = own.weight
        wide.bias.copy_(own.bias)
        images = torch.randint(256, (2, *spec.shape), dtype=torch.uint8)
        torch.testing.assert_close(staged(images), plain(images))
    # Mean and maximum of 112 and 192 channels.
    assert wide.in_features == own.in_features + 2 * (112 + 192)


def test_a_network_without_stages_is_refused():
    with pytest.raises(KedjaError, match="no stages"):
        staged_network(ModelConfig("timm:resnet18"), 3, 5, 64)
