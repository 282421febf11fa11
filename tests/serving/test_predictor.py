"""A bundle that is not whole, or does not answer as it was trained, is not served."""

import json
import shutil

import numpy as np
import onnx
import pytest

from kedja.bundle import integrity
from kedja.bundle import metadata as bundles
from kedja.common import files
from kedja.common.errors import KedjaError
from kedja.serving.predictor import Predictor
from support.bundles import make_bundle


@pytest.fixture
def bundle(digits, tmp_path):
    return shutil.copytree(digits, tmp_path / "bundle")


def rewrite(bundle, change):
    """Change the metadata and make its list of files fit again, as a careless export would."""
    path = bundle / bundles.METADATA
    value = json.loads(path.read_text())
    change(value)
    value["files"] = integrity.hash_files(bundle)
    files.write_json(path, value)
    bundles.save(bundle, integrity.seal(bundles.load(bundle)))


def test_a_good_bundle_answers_for_any_batch(digits):
    predictor = Predictor(digits)
    assert predictor.golden_difference <= 1e-5
    images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), dtype=np.uint8)
    whole = predictor.predict({"image": images})
    assert (whole.shape, whole.dtype) == ((64, 10), np.float32)
    for count in (1, 2, 7):
        np.testing.assert_allclose(predictor.predict({"image": images[:count]}), whole[:count], atol=1e-6)


def test_no_bundle(tmp_path):
    with pytest.raises(KedjaError, match="there is no bundle"):
        Predictor(tmp_path / "nothing")


def test_a_changed_file(bundle):
    (bundle / bundles.MODEL).write_bytes((bundle / bundles.MODEL).read_bytes() + b" ")
    with pytest.raises(KedjaError, match=r"model\.onnx has changed"):
        Predictor(bundle)


def test_a_missing_sample(bundle):
    (bundle / "samples/0.png").unlink()
    with pytest.raises(KedjaError, match=r"samples/0\.png is missing"):
        Predictor(bundle)


def test_another_model_under_the_same_name(bundle, tmp_path):
    other = make_bundle(tmp_path / "other", seed=1)
    shutil.copy(other / bundles.MODEL, bundle / bundles.MODEL)
    rewrite(bundle, lambda value: None)
    with pytest.raises(KedjaError, match="what is served is not what was trained"):
        Predictor(bundle)


def test_classes_that_do_not_fit_the_model(bundle):
    def one_class_less(value):
        value["classes"] = value["classes"][:-1]
        for golden in value["golden"]:
            golden["label"] = min(golden["label"], 8)
            golden["logits"].pop()
            golden["probabilities"][0] += golden["probabilities"].pop()

    rewrite(bundle, one_class_less)
    with pytest.raises(KedjaError, match="shape"):
        Predictor(bundle)


def test_a_file_that_is_no_model(bundle):
    (bundle / bundles.MODEL).write_bytes(b"not a model")
    rewrite(bundle, lambda value: None)
    with pytest.raises(KedjaError, match="cannot be opened"):
        Predictor(bundle)


def test_a_model_with_other_names(bundle):
    model = onnx.load(bundle / bundles.MODEL)
    model.graph.input[0].name = model.graph.node[0].input[0] = "pixels"
    onnx.save(model, bundle / bundles.MODEL)
    rewrite(bundle, lambda value: None)
    with pytest.raises(KedjaError, match="not uint8 `image`"):
        Predictor(bundle)


def test_a_preprocessing_that_differs(photos, tmp_path):
    bundle = shutil.copytree(photos, tmp_path / "bundle")
    rewrite(bundle, lambda value: value["input"].update(resize="stretch", crop_fraction=1.0))
    with pytest.raises(KedjaError, match="what is served is not what was trained"):
        Predictor(bundle)


@pytest.mark.parametrize("engine", ["cuda", "tensorrt"])
def test_an_engine_that_is_not_built_in_is_named(bundle, engine, monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(
        KedjaError, match=rf"engine={engine}: this build of ONNX Runtime.* has CPUExecutionProvider"
    ) as error:
        Predictor(bundle, engine=engine)
    assert "onnxruntime-gpu" in error.value.remedy


def test_an_engine_that_does_not_start_is_not_replaced_in_silence(bundle, monkeypatch):
    import onnxruntime

    real = onnxruntime.InferenceSession
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    # As ONNX Runtime does where CUDA's libraries are missing: it goes on with what is left.
    monkeypatch.setattr(
        "onnxruntime.InferenceSession",
        lambda path, options, providers: real(path, options, providers=["CPUExecutionProvider"]),
    )
    with pytest.raises(
        KedjaError, match="engine=cuda does not start here, ONNX Runtime falls back to CPUExecutionProvider"
    ):
        Predictor(bundle, engine="cuda")
