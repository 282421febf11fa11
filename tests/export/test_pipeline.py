"""Baselines: scikit-learn pipelines as bundles, answering like scikit-learn."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.tree import ExtraTreeClassifier

from kedja.baselines import pipeline as model
from kedja.baselines import registry as baselines
from kedja.baselines import stored_pipeline
from kedja.baselines.fit import run as fit
from kedja.baselines.onnx_graph import write_pipeline
from kedja.baselines.pixels import Pixels
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.integrity import verify_golden
from kedja.bundle.metadata import load
from kedja.common.errors import KedjaError
from kedja.data.prepared import load as load_dataset
from kedja.export.bundle import export
from kedja.export.source import is_exported
from kedja.frameworks.onnx_runner import onnx_runner
from kedja.frameworks.pytorch.torchscript import TorchScriptPredictor
from kedja.runs.calibration import temperature_of
from kedja.runs.scores import softmax
from kedja.serving.predictor import Predictor
from support.servers import Server

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="session")
def fitted(project):
    """Name of a baseline → its finished run on the digits, fitted on the first call."""
    root, _ = project
    found = {}

    def fit_once(name):
        if name not in found:
            found[name] = fit(name, load_dataset(root / "data/digits"), 0, root / "runs")
        return found[name]

    return fit_once


def calibrated(folder, images):
    """What scikit-learn says, with the temperature that the run's validation split gave."""
    return softmax(model.logits(model.load(folder), model.features(images), 10) / temperature_of(folder))


@pytest.mark.parametrize("name", baselines.of_kind("image"))
def test_every_baseline_is_served_with_scikit_learns_answers(name, fitted, project, run, tmp_path):
    dataset = load_dataset(Path("data/digits"))
    export(fitted(name), tmp_path / "bundle")
    images = np.asarray(dataset.images[dataset.split("test")])
    expected = calibrated(fitted(name), images)
    server = Server(tmp_path / "log", f"bundle={tmp_path / 'bundle'}")
    try:
        answers = []
        for part in np.array_split(images, 8):
            body = json.dumps({"pixels": part.tolist()}).encode()
            reply = server.request("POST", "/predict", body, Content_Type="application/json")
            assert reply.status == 200, reply.body
            answers += [one["probabilities"] for one in reply.json()["predictions"]]
    finally:
        server.stop(signal.SIGKILL)
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_answers_stay_scikit_learns_between_the_images_it_was_fitted_on(fitted, project, run, tmp_path):
    """Trees jump at their thresholds: ten thousand disturbed images look for a rounding that crosses one."""
    dataset = load_dataset(Path("data/digits"))
    export(fitted("random-forest"), tmp_path / "bundle")
    rng = np.random.default_rng(0)
    images = np.asarray(dataset.images)[rng.integers(0, len(dataset), 10_000)]
    images = np.clip(images + rng.normal(0, 20, images.shape), 0, 255).astype(np.uint8)
    expected = calibrated(fitted("random-forest"), images)
    np.testing.assert_allclose(Predictor(tmp_path / "bundle").predict({"image": images}), expected, atol=1e-5)


def test_the_scripts_export_and_predict_a_baseline(fitted, project, run, tmp_path):
    folder, bundle = fitted("logistic-regression"), tmp_path / "bundle"
    first = script("export.py", f"run={folder}", f"bundle={bundle}")
    assert first.returncode == 0, first.stderr
    assert "parity of model.onnx on 32 encoded examples" in first.stdout
    assert "already the bundle of" in script("export.py", f"run={folder}", f"bundle={bundle}").stdout
    metadata = load(bundle)
    names = ["MODEL_CONTEXT.md", "drift.json", "known.json", "metadata.json", "model.onnx", "samples"]
    assert sorted(p.name for p in bundle.iterdir()) == names
    assert verify_golden(bundle, metadata, Predictor(bundle).predict) < 1e-5
    answered = script("predict.py", f"image={bundle / 'samples'}", f"bundle={bundle}", "json=true")
    assert answered.returncode == 0, answered.stderr
    assert len(answered.stdout.splitlines()) == len(metadata.golden) == 32
    assert {json.loads(line)["known"] for line in answered.stdout.splitlines()} <= {True, False}
    sample, pictures = bundle / metadata.golden[0].file, tmp_path / "why"
    explained = script(
        "predict.py", f"image={sample}", f"bundle={bundle}", "json=true", "explain=true", f"explanations={pictures}"
    )
    assert explained.returncode == 0, explained.stderr
    [picture] = pictures.iterdir()
    assert json.loads(explained.stdout)["explanation"] == str(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    refused = script("predict.py", f"image={bundle / 'samples'}", f"bundle={bundle}", "format=torchscript")
    assert refused.returncode == 1
    assert "has no TorchScript" in refused.stderr


def test_what_a_pipeline_cannot_have_is_refused(fitted, run, tmp_path):
    folder = fitted("logistic-regression")
    with pytest.raises(KedjaError, match="nothing to write in int8"):
        export(folder, tmp_path / "bundle", int8=True)
    assert not is_exported(folder, tmp_path / "bundle")
    export(folder, tmp_path / "bundle")
    with pytest.raises(KedjaError, match="has no TorchScript file"):
        TorchScriptPredictor(tmp_path / "bundle")


def test_large_images_are_averaged_alike_and_a_class_without_images_stays_impossible(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 45, 30, 3), dtype=np.uint8), np.arange(60) % 3
    pipeline = baselines.logistic_regression(seed=0, C=1.0).fit(model.features(images), labels + (labels == 2))
    write(pipeline, ImageSpec(45, 30, 3), 4, tmp_path / "model.onnx")
    logits, probabilities = onnx_runner(tmp_path / "model.onnx")({"image": images})
    np.testing.assert_allclose(logits, model.logits(pipeline, model.features(images), 4), atol=1e-5)
    assert probabilities[:, 2].max() < 1e-6
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_areas_are_averaged_exactly():
    images = np.zeros((1, 32, 24, 1), np.uint8)
    images[0, 0, 0] = images[0, 1, 1] = 255
    averaged = model.features(images).reshape(16, 12)
    assert averaged[0, 0] == pytest.approx(0.5)
    assert averaged.sum() == pytest.approx(0.5)
    uneven = model.features(np.full((1, 21, 17, 3), 51, np.uint8))
    assert uneven == pytest.approx(np.full((1, 16 * 13 * 3), 0.2))


def test_a_pipeline_without_an_onnx_form_is_refused(tmp_path):
    x = np.random.default_rng(0).random((20, 4))
    unknown = type("Homemade", (ExtraTreeClassifier,), {"__module__": __name__})().fit(x, np.arange(20) % 2)
    with pytest.raises(KedjaError, match="has no ONNX form"):
        write(unknown, ImageSpec(2, 2, 1), 2, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_a_missing_or_damaged_pipeline_is_named(tmp_path):
    with pytest.raises(KedjaError, match="keeps no fitted pipeline"):
        model.load(tmp_path)
    (tmp_path / "pipeline.skops").write_bytes(b"\x80nothing")
    with pytest.raises(KedjaError, match=r"pipeline\.skops is damaged"):
        model.load(tmp_path)


def test_a_pipeline_comes_back_whole_and_is_stored_alike_each_time(fitted, project, tmp_path):
    """What it answers to the bit, and the graph that is made of it to the byte."""
    for name in baselines.of_kind("image"):
        folder = fitted(name)
        loaded = model.load(folder)
        assert stored_pipeline.dump(loaded) == (folder / model.PIPELINE).read_bytes()
        record = np.load(folder / "validation.npz")
        dataset = load_dataset(project[0] / "data/digits")
        x = model.features(np.asarray(dataset.images[dataset.split("val")]))
        np.testing.assert_array_equal(model.logits(loaded, x, 10), record["logits"])
        graphs = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
        for graph in graphs:
            write(model.load(folder), dataset.spec, 10, graph)
        assert graphs[0].read_bytes() == graphs[1].read_bytes()


def write(pipeline, spec, classes, path):
    write_pipeline(Pixels().front(pipeline, spec), pipeline.classes_, classes, path)


def script(name, *arguments):
    return subprocess.run([sys.executable, SCRIPTS / name, *map(str, arguments)], capture_output=True, text=True)
