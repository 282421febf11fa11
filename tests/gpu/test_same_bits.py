"""`deterministic=true`: the same bits each time, also after kill -9; what is exported answers the same on a CPU."""

import dataclasses
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from kedja.common.errors import KedjaError
from kedja.runs.folder import SUMMARY
from kedja.training.config.run_folder import run_directory
from kedja.training.loop.train import train
from support.killed_runs import assert_same_bits, kill_from_inside

pytestmark = pytest.mark.gpu

FEATURES = {
    "bf16": ["precision=bf16", "model.dropout=0.3", "ema=0.9"],
    "muon": ["optim=muon", "model=airbench", "model.width=0.1", "augment.flip=alternating"],
    "strong augmentation": ["augment=strong", "augment.shift=1", "optim=adamw", "clip=0.5"],
    "residual": ["model=resnet9", "model.width=0.1", "accumulate=2"],
}


@pytest.mark.parametrize("feature", FEATURES)
def test_killed_and_continued_it_ends_in_the_same_bits(device, workplace, debug, feature):
    overrides = [*FEATURES[feature], f"device={device}", "deterministic=true"]
    whole = train(debug(*overrides, "runs=whole"))
    config = debug(*overrides, "checkpoint_seconds=0")
    directory = run_directory(config)
    assert kill_from_inside(config, 25) == -signal.SIGKILL
    assert not (directory / SUMMARY).exists()
    assert train(dataclasses.replace(config, checkpoint_seconds=20)) == directory
    assert_same_bits(whole, directory)


def test_killed_without_it_the_run_ends_all_the_same(device, workplace, debug):
    config = debug(f"device={device}", "checkpoint_seconds=0")
    assert kill_from_inside(config, 25) == -signal.SIGKILL
    directory = train(dataclasses.replace(config, checkpoint_seconds=20))
    assert json.loads((directory / SUMMARY).read_text())["epochs"] == 2


def test_reproduce_finds_the_same_weights(run):
    from kedja.experiments.reproduce import IDENTICAL, reproduce
    from kedja.runs.read import read_run

    directory = run("deterministic=true")
    assert reproduce(read_run(directory), directory.parents[1]).verdict == IDENTICAL


def test_the_exported_model_answers_on_a_cpu_as_it_did_on_the_device(run, workplace):
    from kedja.export.bundle import export
    from kedja.serving.predictor import Predictor

    directory = run("precision=fp32")
    export(directory, workplace / "bundle")
    predictor = Predictor(workplace / "bundle")
    assert predictor.golden_difference < 1e-4
    from kedja.data.prepared import load

    data = load(workplace / "data" / "digits")
    stored = np.load(directory / "validation.npz")
    expected = torch.from_numpy(stored["logits"]).softmax(1).numpy()
    answers = predictor.predict({"image": data.pixels(data.split("val"))})
    np.testing.assert_allclose(answers, expected, atol=2e-2)
    assert (answers.argmax(1) == expected.argmax(1)).mean() > 0.99


def test_an_operation_without_a_fixed_order_is_named(device, run, monkeypatch):
    """On a CPU all have one, so one is made up there."""
    if device == "cpu":
        problem = "some_backward_cuda does not have a deterministic implementation, but you set …"

        def refuse(*arguments, **settings):
            raise RuntimeError(problem)

        monkeypatch.setattr("kedja.training.loop.learner.Learner.learn", refuse)
        expected = "no kernel with a fixed order of some_backward_cuda"
    else:
        monkeypatch.setattr("kedja.training.loop.learner.fix_order", lambda body: None)
        expected = "no kernel with a fixed order of adaptive_max_pool2d"
    with pytest.raises(KedjaError, match=expected):
        run("deterministic=true", "model=resnet9", "model.width=0.1")


def test_determinism_is_of_one_run(device, run):
    """The next run of the process has what it asks for."""
    run("deterministic=true", "epochs=1")
    assert torch.are_deterministic_algorithms_enabled()
    run("epochs=1")
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.benchmark


def test_the_probe_agrees(device):
    """`just check-env` finds the device and computes the same on it as on the CPU."""
    from kedja.environment import probes

    path = next(iter(probes.__path__)) + "/torch_probe.py"
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found = {record["device"]: record for record in json.loads(done.stdout)["devices"]}
    name = next(one for one in found if one.startswith(device))
    assert found[name]["product_error"] < 1e-2
