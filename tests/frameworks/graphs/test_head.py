"""The head of a network as a graph of its own, and that what it explains is the class activation map."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from kedja.bundle.explanation import ACTIVATIONS, of_cells
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.frameworks.graphs import surgery
from kedja.frameworks.graphs.head import split_head
from kedja.frameworks.pytorch.onnx_graph import write_onnx
from kedja.frameworks.pytorch.pixel_model import PixelModel

SPEC = ImageSpec(32, 32, 3)


class Network(nn.Module):
    """A body and a head; pixels as they come."""

    def __init__(self, *head: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.BatchNorm2d(8), nn.ReLU6())
        self.head = nn.Sequential(*head)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.body(image.permute(0, 3, 1, 2).float() / 255))
        return logits


def linear(pooling: nn.Module) -> Network:
    return Network(pooling, nn.Flatten(), nn.Linear(8, 4))


def normalised() -> Network:
    pooling = nn.AdaptiveAvgPool2d(1)
    return Network(pooling, nn.Flatten(), nn.LayerNorm(8), nn.Linear(8, 16), nn.Hardswish(), nn.Linear(16, 4))


@pytest.fixture(params=["mean", "maximum", "several layers"])
def network(request) -> Network:
    torch.manual_seed(0)
    made = {
        "mean": lambda: linear(nn.AdaptiveAvgPool2d(1)),
        "maximum": lambda: linear(nn.AdaptiveMaxPool2d(1)),
        "several layers": normalised,
    }
    return made[request.param]().eval().requires_grad_(False)


def written(network: nn.Module, folder) -> onnx.ModelProto:
    write_onnx(PixelModel(network).eval(), SPEC, folder / "model.onnx")
    return onnx.load(str(folder / "model.onnx"))


def test_both_graphs_together_answer_as_the_whole_one(network, tmp_path):
    model = written(network, tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    (before,) = surgery.outputs(model, "logits")({"image": images})
    head = split_head(model)
    assert head is not None
    surgery.write(model, tmp_path / "model.onnx")
    surgery.write(head, tmp_path / "head.onnx")
    activations, after = surgery.outputs(tmp_path / "model.onnx", ACTIVATIONS, "logits")({"image": images})
    (apart,) = surgery.outputs(tmp_path / "head.onnx", "logits")({ACTIVATIONS: activations})
    assert activations.shape == (3, 8, 8, 8)
    np.testing.assert_array_equal(after, before)
    np.testing.assert_allclose(apart, before, atol=1e-5)


def test_behind_a_mean_and_a_linear_layer_it_is_the_class_activation_map(tmp_path):
    torch.manual_seed(0)
    network = linear(nn.AdaptiveAvgPool2d(1)).eval().requires_grad_(False)
    model = written(network, tmp_path)
    head = split_head(model)
    assert head is not None
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    (activations,) = surgery.outputs(model, ACTIVATIONS)({"image": image})
    run = surgery.outputs(head, "logits")
    found = of_cells(lambda some: run({ACTIVATIONS: some})[0], activations, 2).weights
    matrix = network.head[2].weight.numpy()  # type: ignore[union-attr, operator]
    contrast = matrix[2] - matrix.mean(axis=0)
    np.testing.assert_allclose(found, np.einsum("c,chw->hw", contrast, activations[0]) / 64, atol=1e-5)


def test_a_network_without_a_last_feature_map_is_left_as_it_is(tmp_path):
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            self.patches, self.blocks = (
                nn.Conv2d(3, 16, 8, 8),
                nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
            )
            self.head = nn.Linear(16, 4)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            tokens = self.patches(image.permute(0, 3, 1, 2).float()).flatten(2).transpose(1, 2)
            logits: torch.Tensor = self.head(self.blocks(tokens)[:, 0])
            return logits

    model = written(Tokens().eval(), tmp_path)
    before = model.SerializeToString(deterministic=True)
    assert split_head(model) is None
    assert model.SerializeToString(deterministic=True) == before


def test_pixels_are_no_feature_map(tmp_path):
    class Pixels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(32 * 32 * 3, 4)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.head((image.float() / 255 - 0.5).flatten(1))
            return logits

    assert split_head(written(Pixels().eval(), tmp_path)) is None
