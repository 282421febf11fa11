"""A kind that is registered at run time goes the whole way, from `just data` to an answer of a real server."""

import base64
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from kedja.bundle import integrity
from kedja.bundle.inputs import registry as inputs
from kedja.bundle.inputs.input import Feed
from kedja.bundle.metadata import MODEL, Metadata, load, save
from kedja.bundle.reference import save as save_reference
from kedja.common.errors import KedjaError
from kedja.data.kinds import registry as kinds
from kedja.data.prepared import load as load_dataset
from kedja.data.settings import Settings
from kedja.data.sources import registry as sources
from kedja.data.summary import summary
from kedja.data.versions.obtain import obtain
from kedja.export.package import package
from kedja.export.parity import check_parity
from kedja.export.reference import measure
from kedja.export.samples import decode_samples, golden_examples, write_samples
from kedja.frameworks.onnx_runner import onnx_runner
from support import waveforms
from support.servers import Server

TOLERANCE = 1e-4


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(inputs, "INPUTS", dict(inputs.INPUTS))
    monkeypatch.setattr(kinds, "KINDS", dict(kinds.KINDS))
    monkeypatch.setattr(sources, "SOURCES", list(sources.SOURCES))
    waveforms.register()


@pytest.fixture
def dataset(registered, tmp_path):
    return load_dataset(obtain("ramps", tmp_path, Settings(source="ramps", jobs=1)))


def fit(dataset):
    """Least squares; the weights (length, 2) of a linear model of the samples."""
    training = dataset.split("train")
    samples = dataset.read(training)["samples"].astype(np.float32) / 32768
    weights, *_ = np.linalg.lstsq(samples, 4 * np.eye(2, dtype=np.float32)[dataset.labels[training]] - 2, rcond=None)
    return weights.astype(np.float32)


def write_onnx(weights, path):
    names = ("logits", "probabilities")
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["samples"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["float", "scale"], ["scaled"]),
            helper.make_node("MatMul", ["scaled", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "ramps",
        [helper.make_tensor_value_info("samples", TensorProto.INT16, ["n", len(weights)])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in names],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.float32(1 / 32768), "scale")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


def make_bundle(dataset, folder: Path) -> Path:
    """As an export does, with a model that no framework made."""
    weights = fit(dataset)

    def reference(feed: Feed):
        logits = feed["samples"].astype(np.float32) / 32768 @ weights
        exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
        return logits, exponent / exponent.sum(axis=1, keepdims=True)

    folder.mkdir()
    write_onnx(weights, folder / MODEL)
    samples = write_samples(dataset, folder)
    feed = decode_samples(samples, folder, dataset.input)
    check_parity(reference, {MODEL: onnx_runner(folder / MODEL)}, feed, TOLERANCE)
    save_reference(folder, measure(dataset, onnx_runner(folder / MODEL)))
    golden = golden_examples(samples, feed, reference)
    files = integrity.hash_files(folder)
    save(folder, integrity.seal(Metadata("ramps", "", dataset.classes, dataset.input, files, golden)))
    return folder


def test_it_is_prepared_and_its_source_walked_once(dataset):
    source = sources.SOURCES[-1][2](None, None)
    assert type(source).walks == 1  # type: ignore[attr-defined]
    description = json.loads((dataset.folder / "dataset.json").read_text())
    assert (description["schema_version"], description["kind"]) == (2, "waveform")
    assert description["input"] == {"length": 32}
    assert description["examples"] == len(dataset) == 240
    assert {split: len(dataset.split(split)) for split in ("train", "val", "test")} == {
        "train": 168,
        "val": 36,
        "test": 36,
    }
    items = list(source.items())
    for position, name in enumerate(dataset.ids):
        content = items[int(name)].content
        assert dataset.read(np.array([position]))["samples"][0, : len(content)].tolist() == content.tolist()
        assert (
            dataset.input.decode(dataset.encoded(position)).tolist()
            == dataset.read(np.array([position]))["samples"][0].tolist()
        )
    assert "240 waveforms 32 samples, 2 classes" in summary(dataset.folder)


def test_a_real_server_answers(dataset, tmp_path):
    bundle = make_bundle(dataset, tmp_path / "bundle")
    loaded = load(bundle)
    assert (loaded.kind, loaded.input) == ("waveform", waveforms.Waveform(32))
    chosen = dataset.split("test")
    files = [dataset.encoded(int(position)) for position in chosen]
    server = Server(tmp_path / "log", f"bundle={bundle}", program=[Path(waveforms.__file__)])
    try:
        reply = server.request("POST", "/predict", files[0], Content_Type="audio/raw")
        assert reply.status == 200, reply.body
        body = json.dumps({"waveforms": [base64.b64encode(data).decode() for data in files]}).encode()
        answers = server.request("POST", "/predict", body, Content_Type="application/json").json()["predictions"]
        assert answers[0]["probabilities"] == pytest.approx(reply.json()["probabilities"], abs=1e-6)
        right = [
            answer["class_index"] == dataset.labels[position] for answer, position in zip(answers, chosen, strict=True)
        ]
        assert np.mean(right) > 0.9
        for data, code, status in ((b"odd", "corrupt", 400), (bytes(66), "too-long", 413)):
            refused = server.request("POST", "/predict", data, Content_Type="audio/raw")
            assert (refused.status, refused.json()["error"]["code"]) == (status, code)
        refused = server.request("POST", "/predict", b"[]", Content_Type="text/plain")
        assert "audio/…" in refused.json()["error"]["remedy"]
        content = server.request("GET", "/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
        for example in content["application/json"]["examples"].values():
            asked = json.dumps(example["value"]).encode()
            assert server.request("POST", "/predict", asked, Content_Type="application/json").status == 200
        assert set(content) == {"application/json", "multipart/form-data", "audio/*", "application/octet-stream"}
        assert "loudness" in [feature["name"] for feature in server.request("GET", "/drift").json()["features"]]
        sample = server.request("GET", "/sample")
        assert sample.body in [(bundle / golden.file).read_bytes() for golden in loaded.golden]
        assert server.stop() == 0
    finally:
        server.end()


def test_other_servers_get_the_shape_of_its_tensors(dataset, tmp_path):
    package(make_bundle(dataset, tmp_path / "bundle"), "triton", tmp_path / "triton")
    (config,) = (tmp_path / "triton").rglob("config.pbtxt")
    assert 'input [ { name: "samples", data_type: TYPE_INT16, dims: [ 32 ] } ]' in config.read_text()


def test_a_kind_that_nobody_registered_is_named(dataset, tmp_path, monkeypatch):
    bundle = make_bundle(dataset, tmp_path / "bundle")
    monkeypatch.delitem(inputs.INPUTS, "waveform")
    with pytest.raises(KedjaError, match="examples of kind 'waveform' are not known"):
        load(bundle)
    monkeypatch.delitem(kinds.KINDS, "waveform")
    with pytest.raises(KedjaError, match="data of kind 'waveform' are not known"):
        load_dataset(dataset.folder)
