import pytest
import torch

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.training.config.schema import ModelConfig
from kedja.training.models.records import MODELS
from kedja.training.models.registry import build

OF_IMAGES = [name for name, record in MODELS.items() if "image" in record.kinds]


def make(name, side=32, channels=3, **settings):
    known = MODELS[name].keys if name in MODELS else settings
    config = ModelConfig(name=name, **{key: value for key, value in settings.items() if key in known})
    return build(config, 7, ImageSpec(side, side, channels), [0.5] * channels, [0.25] * channels)


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize("side", [8, 32, 48])
@pytest.mark.parametrize("channels", [1, 3])
def test_raw_pixels_become_logits_and_every_weight_learns(name, side, channels):
    model = make(name, side, channels, width=0.25, image_size=32 if name.startswith("mobilenet") else 0)
    logits = model(torch.randint(256, (4, side, side, channels), dtype=torch.uint8))
    assert logits.shape == (4, 7)
    assert logits.dtype == torch.float32
    logits.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("name", OF_IMAGES)
def test_dropout_acts_in_training_alone(name):
    model = make(name, width=0.25, dropout=0.5)
    images = torch.randint(256, (4, 32, 32, 3), dtype=torch.uint8)
    model.eval()
    assert torch.equal(model(images), model(images))
    model.train()
    assert not torch.equal(model(images), model(images))


@pytest.mark.parametrize("name", OF_IMAGES)
def test_the_same_seed_gives_the_same_weights(name):
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(make(name, width=0.25).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_normalisation_is_inside():
    model = make("cnn", 8, 1)
    pixels = model.network[0](torch.full((1, 1, 2, 2), 0.75))
    assert torch.equal(pixels, torch.ones(1, 1, 2, 2))


def test_an_unknown_model_gets_its_nearest():
    with pytest.raises(KedjaError, match="did you mean 'resnet9'"):
        make("resnet")
