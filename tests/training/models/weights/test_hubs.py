"""Published weights through their own hubs, against a server that stands in for them."""

import hashlib
import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save
from torchvision.models import get_model_weights, resnet18

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.training.config.schema import ModelConfig
from kedja.training.models.registry import build
from kedja.training.models.weights.initial import initialise
from support.hub import COMMIT, hub

# The hub's client reads where its server is when it is imported.
ASK = """
import json, sys
from kedja.common.errors import KedjaError
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.training.config.schema import ModelConfig
from kedja.training.models.registry import build
from kedja.training.models.weights.initial import initialise
config = ModelConfig(name="timm:test_resnet.r160_in1k", pretrained=True)
network = build(config, 3, ImageSpec(64, 64, 3), [0.5] * 3, [0.5] * 3)
try:
    origin = initialise(network.body, config, lambda line: None)
    print(json.dumps({**origin, "value": network.body.state_dict()[sys.argv[1]].flatten()[0].item()}))
except KedjaError as error:
    print(json.dumps({"problem": error.problem, "remedy": error.remedy}))
"""
REPOSITORY = "timm/test_resnet.r160_in1k"


def ask(address, cache, tensor):
    environment = os.environ | {
        "HF_ENDPOINT": address,
        "HF_HOME": str(cache / "hf"),
        "TORCH_HOME": str(cache / "torch"),
    }
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ASK, tensor], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def published():
    """Weights of timm's smallest network, as a file, and the name of a tensor."""
    import timm

    torch.manual_seed(0)
    state = {name: value.contiguous() for name, value in timm.create_model("test_resnet").state_dict().items()}
    first = next(name for name, value in state.items() if value.ndim == 4)
    return save(state), first, state[first].flatten()[0].item()


def test_timms_come_with_revision_and_hash_and_stay_in_the_cache(published, tmp_path):
    content, tensor, value = published
    with hub({f"{REPOSITORY}/model.safetensors": content}) as address:
        found = ask(address, tmp_path, tensor)
    assert (found["revision"], found["file"]) == (COMMIT, "model.safetensors")
    assert found["file_sha256"] == hashlib.sha256(content).hexdigest()
    assert found["value"] == pytest.approx(value)
    # The server is gone.
    assert ask(address, tmp_path, tensor) == found


def test_without_a_server_timms_file_and_its_place_are_named_and_it_is_found_there(published, tmp_path):
    content, tensor, value = published
    said = ask("http://127.0.0.1:9", tmp_path, tensor)
    place = tmp_path / "torch" / "hub" / "checkpoints" / REPOSITORY / "model.safetensors"
    assert "test_resnet" in said["problem"]
    assert "\n" not in said["problem"]
    assert f"model.safetensors of {REPOSITORY}" in said["remedy"]
    assert str(place) in said["remedy"]
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    found = ask("http://127.0.0.1:9", tmp_path, tensor)
    assert (found["revision"], found["value"]) == ("by hand", pytest.approx(value))
    assert found["file_sha256"] == hashlib.sha256(content).hexdigest()


@pytest.fixture
def resnet(tmp_path, monkeypatch):
    """Configuration of torchvision's ResNet-18, and a file of weights for it under the name that torchvision checks."""
    torch.manual_seed(0)
    torch.save(resnet18().state_dict(), tmp_path / "weights.pth")
    content = (tmp_path / "weights.pth").read_bytes()
    name = f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    weights = get_model_weights("resnet18")["DEFAULT"]

    def at(address):
        monkeypatch.setattr(weights.value, "url", f"{address}/models/{name}")

    return ModelConfig(name="torchvision:resnet18", pretrained=True), content, name, at


def origin(config):
    network = build(config, 3, ImageSpec(64, 64, 3), [0.5] * 3, [0.5] * 3)
    return initialise(network.body, config, lambda line: None)


def test_torchvisions_come_with_name_and_hash(resnet):
    config, content, name, at = resnet
    with hub({f"models/{name}": content}) as address:
        at(address)
        found = origin(config)
    assert (found["file"], found["revision"]) == (name, "IMAGENET1K_V1")
    assert found["file_sha256"] == hashlib.sha256(content).hexdigest()
    assert origin(config) == found


def test_another_file_than_torchvisions_own_is_refused(resnet):
    config, content, name, at = resnet
    with hub({f"models/{name}": content[:-1] + b"?"}) as address:
        at(address)
        with pytest.raises(KedjaError, match="invalid hash value"):
            origin(config)


def test_without_a_server_torchvisions_file_and_its_place_are_named(resnet, tmp_path):
    config, content, name, at = resnet
    at("http://127.0.0.1:9")
    place = tmp_path / "torch" / "hub" / "checkpoints" / name
    with pytest.raises(KedjaError, match="cannot be had") as error:
        origin(config)
    assert error.value.remedy == f"connect to the network, or put {name} there: {place}"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    assert origin(config)["file_sha256"] == hashlib.sha256(content).hexdigest()
