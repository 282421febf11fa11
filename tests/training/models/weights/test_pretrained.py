from importlib.resources import files

import pytest
import torch

from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.training.config.schema import ModelConfig
from kedja.training.models.registry import build
from kedja.training.models.weights.initial import fingerprint, initialise
from kedja.training.models.weights.pretrained import published

EMBEDDED = ModelConfig(name="efficientnet_lite0", pretrained=True)
# Photographs that packages ship, with the class that ImageNet's 1,000 have for what they show.
PHOTOGRAPHS = {
    ("sklearn.datasets.images", "china.jpg"): 698,  # palace
    ("sklearn.datasets.images", "flower.jpg"): 985,  # daisy
}


@pytest.fixture(scope="module")
def embedded():
    """The network as it was published, with all of its classes."""
    said = []
    model = build(EMBEDDED, 1000, ImageSpec(224, 224, 3), [0.0] * 3, [1.0] * 3)
    origin = initialise(model.body, EMBEDDED, said.append)
    assert origin["licence"] == "Apache-2.0"
    assert origin["sha256"] == fingerprint({name: value.clone() for name, value in model.body.state_dict().items()})
    assert "296 of 296 tensors loaded" in said[0]
    return model.eval()


@pytest.mark.parametrize(("place", "label"), PHOTOGRAPHS.items(), ids=[name for _, name in PHOTOGRAPHS])
def test_the_embedded_weights_name_photographs(embedded, place, label):
    package, name = place
    first, *folders = package.split(".")
    data = files(first).joinpath(*folders, name).read_bytes()
    spec = ImageSpec(224, 224, 3, "crop", "bicubic", 0.875)
    with torch.inference_mode():
        logits = embedded(torch.from_numpy(preprocess(data, spec))[None])
    assert logits.argmax(1).item() == label


def test_size_and_units_belong_to_the_weights():
    of_data = [0.1] * 3, [0.2] * 3
    small = build(EMBEDDED, 7, ImageSpec(32, 32, 3), *of_data)
    assert small.network.resize.side == 224
    assert small.network.normalise.mean.flatten().tolist() == [0.5] * 3  # type: ignore[operator]
    assert not hasattr(build(EMBEDDED, 7, ImageSpec(256, 256, 3), *of_data).network, "resize")
    fresh = ModelConfig(name="efficientnet_lite0")
    assert build(fresh, 7, ImageSpec(64, 64, 3), *of_data).network.normalise.mean.flatten().tolist() == pytest.approx(  # type: ignore[operator]
        of_data[0]
    )


def test_torchvision_and_timm_say_what_their_weights_expect():
    theirs = published(ModelConfig(name="torchvision:resnet18", pretrained=True))
    assert (theirs.side, theirs.mean) == (224, [0.485, 0.456, 0.406])
    theirs = published(ModelConfig(name="timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k", pretrained=True))
    assert (theirs.side, theirs.mean, theirs.licence) == (224, [0.5] * 3, "apache-2.0")


def test_a_network_nobody_has_trained_is_refused():
    with pytest.raises(KedjaError, match="no published weights for cnn"):
        published(ModelConfig(name="cnn", pretrained=True))


def test_grey_images_get_what_equal_colours_would():
    colour, grey = (build(EMBEDDED, 7, ImageSpec(224, 224, channels), [0.5], [0.5]) for channels in (3, 1))
    for model in (colour, grey):
        initialise(model.body, EMBEDDED, lambda line: None)
        model.eval()
    colour.body.classifier.load_state_dict(grey.body.classifier.state_dict())
    image = torch.randint(256, (1, 224, 224, 1), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(grey(image), colour(image.expand(-1, -1, -1, 3)), atol=1e-4, rtol=1e-4)
