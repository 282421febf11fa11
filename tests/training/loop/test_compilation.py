import pytest
import torch

from kedja.data.prepared import load
from kedja.training.batches.dataset import ImageDataset
from kedja.training.config.schema import ModelConfig
from kedja.training.loop.compilation import compiled
from kedja.training.models.cnn import cnn


@pytest.fixture
def dataset(workplace):
    return ImageDataset(load(workplace / "data" / "digits"), "val")


def test_where_compilation_fails_training_goes_on_with_a_message(dataset, monkeypatch):
    def broken(network):
        def fail(images):
            raise RuntimeError("no compiler found\nand much more")

        return fail

    monkeypatch.setattr(torch, "compile", broken)
    network = cnn(ModelConfig(width=0.25), 1, 10, 8)
    with pytest.warns(UserWarning, match="does not work here, training goes on without: no compiler found"):
        assert compiled(network, dataset, 8) is network
    assert network.training


def test_trying_out_leaves_no_trace(dataset, monkeypatch):
    monkeypatch.setattr(torch, "compile", torch.nn.Sequential)
    network = cnn(ModelConfig(width=0.25), 1, 10, 8)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    compiled(network, dataset, 8)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_what_compiles_is_used(dataset, monkeypatch):
    monkeypatch.setattr(torch, "compile", torch.nn.Sequential)
    network = cnn(ModelConfig(width=0.25), 1, 10, 8)
    assert compiled(network, dataset, 8)[0] is network
