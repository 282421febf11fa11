"""A run that is killed at any moment continues and ends in the same bits as one that was not."""

import multiprocessing
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from kedja.training.checkpoint import load_checkpoint, load_weights
from kedja.training.run import run_directory
from kedja.training.schema import TrainConfig
from kedja.training.train import train

# Processes are forked from one that has torch loaded: starting anew would cost seconds each.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["kedja.training.train"])

FEATURES = {
    "ema": ["ema=0.9"],
    "dropout": ["model.dropout=0.3"],
    "adamw": ["optim=adamw"],
    "muon": ["optim=muon"],
    "plateau": ["schedule=plateau", "schedule.patience=1", "epochs=3"],
    "strong augmentation": ["augment=strong", "augment.shift=1"],
    "accumulation": ["accumulate=3"],
    "clipping": ["clip=0.5"],
    "recomputation": ["model.recompute=true", "model.dropout=0.3"],
    "bf16": ["precision=bf16"],
    "focal loss": ["loss=focal"],
    "class weights": ["loss=balanced"],
    "balanced sampler": ["data.sampler=balanced"],
    "head first": ["finetune.head_epochs=1"],
    "discriminative rates": ["finetune.first_lr=0.1"],
    "workers": ["data.workers=1"],
    "patience": ["patience=1", "optim.lr=0.0001", "epochs=3"],
}


@pytest.mark.parametrize("steps", [1, 20, 27])
def test_killed_early_between_epochs_and_late(workplace, debug, steps):
    check(debug, ["ema=0.9", "model.dropout=0.2"], steps)


@pytest.mark.parametrize("feature", FEATURES)
def test_killed_with_every_feature_in_turn(workplace, debug, feature):
    check(debug, FEATURES[feature], steps=25)


def check(debug, overrides: list[str], steps: int) -> None:
    whole = train(debug(*overrides, "runs=whole"))
    config = debug(*overrides, "checkpoint_seconds=0")
    directory = run_directory(config)
    kill_after(steps, config)
    assert not (directory / "summary.json").exists()
    assert load_checkpoint(directory / "last.ckpt")["position"]["step"] >= steps
    assert train(config) == directory
    assert_same_bits(whole, directory)


def kill_after(steps: int, config: TrainConfig) -> None:
    """Start a training process and kill it once its checkpoint has got that far."""
    process = PROCESSES.Process(target=train, args=(config,))
    process.start()
    checkpoint = run_directory(config) / "last.ckpt"
    while process.is_alive():
        if checkpoint.exists() and load_checkpoint(checkpoint)["position"]["step"] >= steps:
            process.kill()
            break
        time.sleep(0.01)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def assert_same_bits(one: Path, other: Path) -> None:
    first, second = (load_weights(run / "best.safetensors") for run in (one, other))
    assert all(torch.equal(first[name], second[name]) for name in first)
    last = [load_checkpoint(run / "last.ckpt") for run in (one, other)]
    assert_equal(last[0]["learner"], last[1]["learner"])
    for name in ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate"):
        lines = [[line[name] for line in state["position"]["history"]] for state in last]
        assert lines[0] == lines[1]
    np.testing.assert_array_equal(*[np.load(run / "validation.npz")["logits"] for run in (one, other)])


def assert_equal(one, other) -> None:
    """Of nested states, to the bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    else:
        assert one == other
