import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from kedja.bundle.integrity import verify_files, verify_golden
from kedja.bundle.metadata import load
from kedja.common.errors import KedjaError
from kedja.data.prepared import load as load_dataset
from kedja.export.bundle import bundle_name, check_name, export
from kedja.export.source import Wanted, is_exported
from kedja.frameworks.evaluate import evaluate
from kedja.frameworks.pytorch import onnx_graph
from kedja.frameworks.pytorch.torchscript import TorchScriptPredictor
from kedja.runs.scores import softmax
from kedja.serving.predictor import Predictor

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="session")
def exported(project):
    root, run = project
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        lines = []
        metadata = export(run.relative_to(root), root / "bundle", lines.append)
    return root / "bundle", metadata, lines


def test_the_bundle_is_whole_and_answers_as_the_trained_model_did(exported):
    folder, metadata, lines = exported
    assert load(folder) == metadata
    verify_files(folder, metadata)
    assert verify_golden(folder, metadata, Predictor(folder).predict) < 1e-5
    assert verify_golden(folder, metadata, TorchScriptPredictor(folder).predict) < 1e-5
    assert sorted(p.name for p in folder.iterdir()) == [
        "MODEL_CONTEXT.md",
        "drift.json",
        "head.onnx",
        "known.json",
        "metadata.json",
        "model.onnx",
        "model.torchscript.pt",
        "samples",
    ]
    assert sum("parity of" in line for line in lines) == 2


def test_what_is_unknown_is_told_by_a_score_in_the_graph(exported, run):
    folder, _, _ = exported
    predictor, dataset = Predictor(folder), load_dataset(Path("data/digits"))
    assert predictor.known is not None
    validation = predictor.answer(dataset.read(dataset.split("val")))
    below = (validation.familiarity < predictor.known.threshold).sum()  # type: ignore[operator]
    # Of 270 and the new one, 13 may be below it.
    assert below == int(0.05 * 271) - 1
    # Fresh scans are called unknown as seldom.
    test = predictor.knows(predictor.answer(dataset.read(dataset.split("test"))))
    assert test is not None
    assert np.mean(test) > 0.9
    [photographs] = predictor.known.against
    assert photographs.auroc > 0.75  # of a run of a few epochs, whose bits hang on the processor
    assert photographs.low < photographs.auroc < photographs.high
    card = (folder / "MODEL_CONTEXT.md").read_text()
    assert f"| {photographs.name} | 200 | {photographs.refused:.1%} | {photographs.auroc:.3f}" in card
    assert is_exported(run, folder)
    assert not is_exported(run, folder, wanted=Wanted(0.1))
    assert not is_exported(run, folder, wanted=Wanted(against=["cifar10"]))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_of_false_alarms_is_a_share(share):
    with pytest.raises(KedjaError, match="is no share between 0 and 1"):
        Wanted(share)


def test_golden_examples_are_validation_images_with_the_runs_own_answers(exported, run):
    _, metadata, _ = exported
    dataset = load_dataset(Path("data/digits"))
    samples = dataset.sample_indices()
    assert [golden.label for golden in metadata.golden] == dataset.labels[samples].tolist()
    assert set(samples) <= set(dataset.split("val"))
    stored = np.load(run / "validation.npz", allow_pickle=False)
    of_id = dict(zip(stored["ids"], stored["logits"], strict=True))
    for golden, index in zip(metadata.golden, samples, strict=True):
        assert golden.logits == pytest.approx(of_id[dataset.ids[index]].tolist(), abs=1e-4)


def test_probabilities_are_calibrated_and_logits_raw(exported, run):
    folder, metadata, _ = exported
    recorded = json.loads((run / "calibration.json").read_text())
    assert metadata.calibrated
    assert json.loads((folder / "metadata.json").read_text())["calibrated"] is True
    assert metadata.temperature == recorded["temperature"] != 1
    feed = {"image": np.array(load_dataset(Path("data/digits")).images[:50])}
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    answers = [session.run(["logits", "probabilities"], feed), TorchScriptPredictor(folder)._model(feed)]
    for logits, probabilities in answers:
        assert np.abs(probabilities - softmax(logits / metadata.temperature)).max() < 1e-6
        assert np.abs(probabilities - softmax(logits)).max() > 1e-3
    error = metadata.metrics["validation_calibration_error"]
    assert error["low"] <= error["value"] <= error["high"]
    assert error["value"] == pytest.approx(recorded["error_after"])
    card = (folder / "MODEL_CONTEXT.md").read_text()
    assert f"divided by {metadata.temperature:.4g}" in card
    assert f"| validation calibration error | {error['value']:.4f} | {error['low']:.4f} – {error['high']:.4f} |" in card


def test_the_exported_models_test_accuracy_is_the_trained_models(exported, run):
    folder, _, _ = exported
    evaluation = evaluate(run, "test")
    dataset = load_dataset(Path("data/digits"))
    answers = Predictor(folder).predict({"image": np.asarray(dataset.images[dataset.split("test")])})
    assert np.array_equal(answers.argmax(axis=1), evaluation.logits.argmax(axis=1))


def test_the_model_card_tells_what_a_stranger_asks(exported):
    folder, metadata, _ = exported
    card = (folder / "MODEL_CONTEXT.md").read_text()
    for part in (
        "digits-debug",
        "CC BY 4.0",
        "(N, 8, 8, 1)",
        metadata.data_hash,
        "validation accuracy",
        "## Intended use",
    ):
        assert part in card


def test_an_unchanged_bundle_is_recognised_and_a_damaged_one_is_not(exported, run, tmp_path):
    folder, _, _ = exported
    copy = shutil.copytree(folder, tmp_path / "bundle")
    assert is_exported(run, copy)
    (copy / "model.onnx").write_bytes(b"")
    assert not is_exported(run, copy)
    assert not is_exported(run, tmp_path / "nowhere")


def test_a_mismatch_writes_no_bundle_and_keeps_the_old_one(exported, run, tmp_path, monkeypatch):
    folder, metadata, _ = exported
    destination = shutil.copytree(folder, tmp_path / "bundle")
    honest = onnx_graph.write_onnx

    def write_another_model(model, spec, path):
        bias = [p for p in model.parameters() if p.ndim == 1][-1]
        bias.data[0] += 0.5
        honest(model, spec, path)
        bias.data[0] -= 0.5

    monkeypatch.setattr(onnx_graph, "write_onnx", write_another_model)
    with pytest.raises(KedjaError, match=r"model\.onnx does not answer as the trained model does"):
        export(run, destination)
    assert load(destination) == metadata
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_an_unfinished_run_and_a_missing_run_are_errors(run, tmp_path):
    with pytest.raises(KedjaError, match="there is no run"):
        export(tmp_path / "runs" / "x", tmp_path / "bundle")
    unfinished = shutil.copytree(run, tmp_path / "unfinished")
    (unfinished / "summary.json").unlink()
    with pytest.raises(KedjaError, match="holds no finished run"):
        export(unfinished, tmp_path / "bundle")


def test_a_run_on_other_data_is_refused(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "runs" / "x" / "seed0")
    summary = json.loads((other / "summary.json").read_text())
    summary["data"]["hash"] = "0" * 32 + ".dir"
    (other / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(KedjaError, match="was trained on version 000000000000"):
        export(other, tmp_path / "bundle")


def script(name, *arguments):
    return subprocess.run([sys.executable, SCRIPTS / name, *map(str, arguments)], capture_output=True, text=True)


def test_the_scripts_export_once_and_predict_in_both_formats(exported, run, tmp_path):
    bundle = tmp_path / "my bundle"
    first = script("export.py", f"run={run}", f"bundle={bundle}")
    assert first.returncode == 0, first.stderr
    assert "parity of model.onnx on 32 encoded examples" in first.stdout
    # The graph has the same bytes whichever process writes it; golden answers may differ in their last bit.
    assert load(bundle).files["model.onnx"] == exported[1].files["model.onnx"]
    assert "already the bundle of" in script("export.py", f"run={run}", f"bundle={bundle}").stdout
    answers = {}
    for name in ("onnx", "torchscript"):
        result = script("predict.py", f"image={bundle / 'samples'}", f"bundle={bundle}", f"format={name}", "json=true")
        assert result.returncode == 0, result.stderr
        answers[name] = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(answers["onnx"]) == 32
    for one, other in zip(answers["onnx"], answers["torchscript"], strict=True):
        assert one["classes"] == other["classes"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)


def test_an_int8_variant_is_measured_served_where_asked_for_and_refused_when_it_is_not_there(exported, run, tmp_path):
    lines = []
    metadata = export(run, tmp_path / "bundle", lines.append, int8=True)
    variant = metadata.variants["int8"]
    assert any("model.int8.onnx: validation accuracy" in line for line in lines)
    dataset = load_dataset(Path("data/digits"))
    validation = dataset.split("val")
    images, labels = np.asarray(dataset.images[validation]), dataset.labels[validation]
    for name, accuracy in (("int8", variant.accuracy), ("fp32", variant.reference_accuracy)):
        answers = Predictor(tmp_path / "bundle", variant=name).predict({"image": images})
        assert (answers.argmax(axis=1) == labels).mean() == pytest.approx(accuracy, abs=1e-9)
    assert variant.images == len(labels)
    assert is_exported(run, tmp_path / "bundle", ["int8"])
    without = exported[0]
    assert not is_exported(run, without, ["int8"])
    with pytest.raises(KedjaError, match="no variant 'int8'") as error:
        Predictor(without, variant="int8")
    assert "just export int8=true" in str(error.value)


def test_the_name_of_a_bundle_is_no_path():
    assert bundle_name("cifar10-cifar10/speed") == "cifar10-cifar10-speed"
    assert bundle_name("Ma Mère-été_2") == "ma-m-re-t-2"
    assert bundle_name("写真-写") == "model"


def test_a_person_may_name_the_model() -> None:
    check_name("")
    check_name("garden-flowers.2")
    with pytest.raises(KedjaError, match="a–z") as refused:
        check_name("Garden flowers")
    assert refused.value.remedy == "name=garden-flowers"
