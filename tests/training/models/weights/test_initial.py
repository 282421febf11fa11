import pytest
import torch
from torch import nn

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.training.config.schema import ModelConfig
from kedja.training.loop.checkpoint import load_weights
from kedja.training.loop.train import train
from kedja.training.models import torchvision
from kedja.training.models.registry import build
from kedja.training.models.weights.initial import fitted, initialise
from kedja.training.models.weights.origin import Origin


def body(classes=10, channels=1, name="cnn", **settings):
    torch.manual_seed(5)
    return build(ModelConfig(name, width=0.25, **settings), classes, ImageSpec(8, 8, channels), [0.5], [0.5]).body


def start(network, **settings):
    said = []
    initialise(network, ModelConfig("cnn", **settings), said.append)
    return "\n".join(said)


def test_a_run_is_continued_from_and_what_did_not_fit_is_said(workplace, debug):
    run = train(debug())
    network = body(classes=4)
    before = network.state_dict()
    fresh = {name: value.clone() for name, value in before.items()}
    said = start(network, init_from=str(run))
    trained = load_weights(run / "best.safetensors")
    for name, value in network.state_dict().items():
        if name.startswith("4.3."):  # the head
            assert torch.equal(value, fresh[name])
        else:
            assert torch.equal(value, trained[f"network.body.{name}"])
    assert "loaded" in said
    assert "of another shape, left fresh: 4.3.bias, 4.3.weight" in said


def test_training_begins_at_the_given_weights(workplace, debug, capsys):
    run = train(debug())
    continued = train(debug(f"model.init_from={run}", "optim.lr=0", "epochs=1"))
    assert "tensors loaded" in capsys.readouterr().out
    weights = [load_weights(folder / "best.safetensors")["network.body.0.0.weight"] for folder in (run, continued)]
    assert torch.equal(*weights)


def test_pixels_come_in_the_units_that_a_run_learnt_in(workplace, debug):
    run = train(debug())
    units = {key: load_weights(run / "best.safetensors")[f"network.normalise.{key}"] for key in ("mean", "std")}
    for channels in (1, 3):
        fresh = build(ModelConfig("cnn", width=0.25), 4, ImageSpec(8, 8, channels), [0.9] * channels, [0.1] * channels)
        said = []
        config = ModelConfig("cnn", init_from=str(run))
        initialise(fresh.body, config, said.append, fresh.network.normalise)
        assert "normalised as they were then" in said[-1]
        for key, value in units.items():
            assert torch.equal(fresh.network.normalise.state_dict()[key], value.expand(1, channels, 1, 1))


def test_weights_that_say_nothing_of_units_leave_them(workplace, debug, tmp_path):
    run = train(debug())
    bare = {name: value for name, value in load_weights(run / "best.safetensors").items() if "normalise" not in name}
    torch.save(bare, tmp_path / "bare.pt")
    fresh = build(ModelConfig("cnn", width=0.25), 4, ImageSpec(8, 8, 1), [0.9], [0.1])
    said = []
    initialise(
        fresh.body, ModelConfig("cnn", init_from=str(tmp_path / "bare.pt")), said.append, fresh.network.normalise
    )
    assert fresh.network.normalise.state_dict()["mean"].item() == pytest.approx(0.9)
    assert "normalised" not in "".join(said)


def test_published_weights_of_colours_serve_greyscale(monkeypatch):
    colour = build(ModelConfig("mobilenet_v3_small"), 1000, ImageSpec(32, 32, 3), [0.5] * 3, [0.5] * 3).body
    monkeypatch.setattr(
        torchvision, "published_weights", lambda config: (colour.state_dict(), Origin("mobilenet", "1", "0"))
    )
    grey = build(ModelConfig("mobilenet_v3_small"), 4, ImageSpec(32, 32, 1), [0.5], [0.5]).body
    said = []
    initialise(grey, ModelConfig("mobilenet_v3_small", pretrained=True), said.append)
    assert "of another shape, left fresh: classifier.3.bias, classifier.3.weight" in said[0]
    images = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(grey.features.eval()(images), colour.features.eval()(images.expand(-1, 3, -1, -1)))


def test_colours_from_greyscale_and_back():
    grey = torch.rand(4, 1, 3, 3)
    images = torch.rand(2, 1, 8, 8)
    colour = fitted(grey, torch.Size([4, 3, 3, 3]))
    torch.testing.assert_close(
        nn.functional.conv2d(images.expand(-1, 3, -1, -1), colour), nn.functional.conv2d(images, grey)
    )
    assert fitted(grey, torch.Size([4, 1, 5, 5])) is None
    assert fitted(grey, torch.Size([5])) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pretrained": True}, "no published weights for cnn"),
        ({"pretrained": True, "init_from": "x"}, "both set"),
        ({"init_from": "nowhere.pth"}, "nowhere.pth does not exist"),
        ({"init_from": "runs/nowhere/"}, "does not exist"),
    ],
)
def test_mistakes_are_said(settings, message, workplace):
    with pytest.raises(KedjaError, match=message):
        start(body(), **settings)


def test_without_a_connection_the_remedy_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", lambda *a, **k: (_ for _ in ()).throw(OSError("no route")))
    network = build(ModelConfig("mobilenet_v3_small"), 4, ImageSpec(32, 32, 1), [0.5], [0.5]).body
    with pytest.raises(KedjaError, match="no route"):
        initialise(network, ModelConfig("mobilenet_v3_small", pretrained=True), print)
