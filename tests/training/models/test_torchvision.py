import pytest
import torch

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.training.config.schema import ModelConfig
from kedja.training.models.registry import build
from kedja.training.optim.layer_groups import head_name

# One of each way in which torchvision ends its networks.
NETWORKS = ["resnet18", "squeezenet1_1", "densenet121", "vit_b_32", "shufflenet_v2_x0_5", "efficientnet_b0", "swin_t"]


def make(name, side=64, channels=1, **settings):
    config = ModelConfig(name=f"torchvision:{name}", **settings)
    return build(config, 7, ImageSpec(side, side, channels), [0.5] * channels, [0.25] * channels)


@pytest.mark.parametrize("name", NETWORKS)
def test_first_and_last_layer_fit_the_data(name):
    model = make(name)
    assert model(torch.zeros(2, 64, 64, 1, dtype=torch.uint8)).shape == (2, 7)
    head = model.body.get_submodule(head_name(model.body, 7))
    assert 7 in (getattr(head, "out_features", None), getattr(head, "out_channels", None))


def test_dropout_comes_before_the_last_layer():
    model = make("resnet18", dropout=0.5)
    assert isinstance(model.body.fc[0], torch.nn.Dropout)
    assert head_name(model.body, 7) == "fc.1"


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("resnet81", {}, "did you mean 'resnet18'"),
        ("resnet18", {"width": 0.5}, "resnet18 has no model.width"),
        ("vit_b_32", {"side": 8}, "model.image_size"),
        ("alexnet", {"side": 8}, "alexnet cannot take images of 8×8 pixels"),
    ],
)
def test_what_cannot_be_made_is_said(name, settings, message):
    with pytest.raises(KedjaError) as error:
        make(name, **settings)
    assert message in str(error.value)
