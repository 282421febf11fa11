"""The exported files themselves: shapes, dynamic batch, self-containedness, determinism."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.export.parity import check_parity
from kedja.frameworks.onnx_runner import onnx_runner
from kedja.frameworks.pytorch.onnx_graph import write_onnx
from kedja.frameworks.pytorch.torchscript import TorchScriptModel, write_torchscript

SPEC = ImageSpec(8, 8, 1)
IMAGES = np.random.default_rng(1).integers(0, 256, (9, 8, 8, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(pixel_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    write_onnx(pixel_model, SPEC, folder / "model.onnx")
    write_torchscript(pixel_model, SPEC, folder / "model.torchscript.pt")
    return folder


def test_both_formats_answer_as_the_model_does(pixel_model, folder):
    candidates = {
        "onnx": onnx_runner(folder / "model.onnx"),
        "torchscript": TorchScriptModel(folder / "model.torchscript.pt"),
    }

    def trained(feed):
        with torch.inference_mode():
            return tuple(answer.numpy() for answer in pixel_model(torch.from_numpy(feed["image"])))

    for parity in check_parity(trained, candidates, {"image": IMAGES}, 1e-5).values():
        assert parity.probabilities < 1e-5


def test_the_onnx_file_has_the_contracts_inputs_and_outputs(folder):
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    assert (image.name, image.type, image.shape[1:]) == ("image", "tensor(uint8)", [8, 8, 1])
    assert isinstance(image.shape[0], str), "the batch is dynamic"
    assert [(o.name, o.type, o.shape[1]) for o in session.get_outputs()] == [
        ("logits", "tensor(float)", 4),
        ("probabilities", "tensor(float)", 4),
    ]


def test_the_onnx_file_stands_alone_and_tells_nothing_of_its_maker(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["model.onnx", "model.torchscript.pt"]
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert b"site-packages" not in (folder / "model.onnx").read_bytes()


def test_exporting_twice_gives_the_same_bytes(pixel_model, folder, tmp_path):
    write_onnx(pixel_model, SPEC, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == (folder / "model.onnx").read_bytes()


def test_a_damaged_torchscript_file_is_named(tmp_path):
    with pytest.raises(KedjaError, match="does not exist"):
        TorchScriptModel(tmp_path / "model.pt")
    (tmp_path / "model.pt").write_bytes(b"PK not a zip")
    with pytest.raises(KedjaError, match=r"model.pt is damaged"):
        TorchScriptModel(tmp_path / "model.pt")
