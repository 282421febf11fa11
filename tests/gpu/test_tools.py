"""What looks into training does so on the device."""

import json
import os

import pytest
import torch

from kedja.common.errors import KedjaError
from kedja.training.checks.find_lr import find_lr
from kedja.training.checks.overfit import overfit_one_batch
from kedja.training.checks.profiling import profile_training

pytestmark = pytest.mark.gpu


def test_the_learning_rate_is_found(device, workplace, debug):
    assert 1e-6 < find_lr(debug(f"device={device}")).suggestion < 10


def test_one_batch_is_memorised(device, workplace, debug):
    assert overfit_one_batch(debug(f"device={device}", "batch_size=16")).accuracy > 0.9


def test_the_profile_says_where_the_time_goes(device, workplace, debug, tmp_path):
    profile = profile_training(debug(f"device={device}"), 3, tmp_path / "trace.json")
    assert profile.seconds_per_step > 0
    assert profile.memory["activations of a batch"] > 0
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert ("CUDA" in profile.table) == (device == "cuda")


def test_energy_is_counted_or_it_is_said_why_not(device, run):
    energy = json.loads((run("epochs=3") / "summary.json").read_text())["energy"]
    parts = {*energy["joules"], *energy["unreadable"]}
    assert parts == ({"cpu", "gpu"} if device == "cuda" else {"cpu"})
    if "gpu" in energy["joules"]:
        assert energy["joules"]["gpu"] > 0


def test_too_little_memory_says_what_to_change(device, run):
    if device == "cpu":
        pytest.skip("a CPU's memory cannot be made small here; tests/training/loop/test_train.py has the message")
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.005)
    try:
        with pytest.raises(KedjaError, match=r"out of memory with model resnet9 and batch_size=1024") as error:
            run("model=resnet9", "model.image_size=256", "batch_size=1024", "epochs=1")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "accumulate=2" in error.value.remedy


def test_a_server_computes_on_the_device_or_says_what_is_missing(device, run, workplace):
    import onnxruntime

    from kedja.export.bundle import export
    from kedja.serving.predictor import Predictor

    export(run("epochs=1"), workplace / "bundle")
    built = onnxruntime.get_available_providers()
    for engine, provider in (("cuda", "CUDAExecutionProvider"), ("tensorrt", "TensorrtExecutionProvider")):
        if device == "cuda" and provider in built and os.environ.get("KEDJA_TEST_ENGINES", "1") == "1":
            assert Predictor(workplace / "bundle", engine=engine).golden_difference < 1e-3
        elif provider not in built:
            with pytest.raises(KedjaError, match=rf"engine={engine}: this build of ONNX Runtime.*CPUExecutionProvider"):
                Predictor(workplace / "bundle", engine=engine)
