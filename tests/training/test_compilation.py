import pytest
import torch

from kedja.data.prepared import load
from kedja.training.compilation import compiled
from kedja.training.dataset import ImageDataset
from kedja.training.models.cnn import cnn
from kedja.training.schema import ModelConfig


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
        assert compiled(network, dataset) is network
    assert network.training


def test_what_compiles_is_used(dataset, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda network: torch.nn.Sequential(network))
    network = cnn(ModelConfig(width=0.25), 1, 10, 8)
    assert compiled(network, dataset)[0] is network
