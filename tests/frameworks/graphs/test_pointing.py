"""A real network, a real photograph in one corner of a grey picture: the explanation lies on it."""

from importlib.resources import files

import numpy as np
import onnx
import pytest

from kedja.bundle.explanation import ACTIVATIONS, explain
from kedja.bundle.inputs.image.preprocess import Examined, preprocess
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.frameworks.graphs import surgery
from kedja.frameworks.graphs.head import split_head
from kedja.frameworks.pytorch.onnx_graph import write_onnx
from kedja.frameworks.pytorch.pixel_model import PixelModel
from kedja.training.config.schema import ModelConfig
from kedja.training.models.registry import build
from kedja.training.models.weights.initial import initialise

SPEC = ImageSpec(224, 224, 3, "crop", "bicubic")
DAISY = 985  # of ImageNet's 1,000 classes


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """EfficientNet-Lite0 as it was published, and its head."""
    config = ModelConfig(name="efficientnet_lite0", pretrained=True)
    model = build(config, 1000, SPEC, [0.0] * 3, [1.0] * 3)
    initialise(model.body, config, lambda line: None)
    path = tmp_path_factory.mktemp("graphs") / "model.onnx"
    write_onnx(PixelModel(model.eval().requires_grad_(False)).eval(), SPEC, path)
    whole = onnx.load(str(path))
    head = split_head(whole)
    assert head is not None
    return whole, head


@pytest.mark.parametrize(("top", "left"), [(0, 0), (112, 112), (0, 112)])
def test_it_lies_on_the_flower(graphs, top, left):
    whole, head = graphs
    photograph = files("sklearn.datasets.images").joinpath("flower.jpg").read_bytes()
    pixels = np.full(SPEC.shape, 124, np.uint8)
    pixels[top : top + 112, left : left + 112] = preprocess(photograph, ImageSpec(112, 112, 3, "crop", "bicubic"))
    run, run_head = surgery.outputs(whole, ACTIVATIONS, "logits"), surgery.outputs(head, "logits")

    def output(name, feed):
        return run(feed)[(ACTIVATIONS, "logits").index(name)]

    found = explain(SPEC, output, lambda some: run_head({ACTIVATIONS: some})[0], Examined(pixels), DAISY)
    assert found is not None
    assert found.weights.shape == (7, 7)
    speaks_for = np.maximum(found.weights, 0)
    # Half of the side and a cell, whose receptive field reaches over the edge.
    rows = slice(0, 4) if top == 0 else slice(3, 7)
    columns = slice(0, 4) if left == 0 else slice(3, 7)
    assert speaks_for[rows, columns].sum() > 0.8 * speaks_for.sum()
    row, column = np.unravel_index(found.weights.argmax(), (7, 7))
    assert (row <= 3) == (top == 0)
    assert (column <= 3) == (left == 0)
