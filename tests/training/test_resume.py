"""A run that is killed at any moment continues and ends in the same bits as one that was not."""

import dataclasses
import signal
import time
from collections.abc import Callable

import pytest

from kedja.common.files import read_json
from kedja.runs.folder import PROVENANCE, SUMMARY
from kedja.training.config.compose import compose
from kedja.training.config.run_folder import run_directory
from kedja.training.config.schema import TrainConfig
from kedja.training.loop.checkpoint import load_checkpoint
from kedja.training.loop.train import train
from support import texts
from support.killed_runs import PROCESSES, assert_same_bits, kill_from_inside

FEATURES = {
    "ema": ["ema=0.9"],
    "dropout": ["model.dropout=0.3"],
    "adamw": ["optim=adamw"],
    "muon": ["optim=muon"],
    "whitening and shortcuts": ["model=airbench96", "model.width=0.1", "optim=muon"],
    "small images first": ["augment.early_side=6", "augment.early_share=0.6"],
    "flips by turns": ["augment.flip=alternating"],
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
    check(debug, ["ema=0.9", "model.dropout=0.2"], lambda config: kill_from_outside(config, steps))


@pytest.mark.parametrize("feature", FEATURES)
def test_killed_with_every_feature_in_turn(workplace, debug, feature):
    check(debug, FEATURES[feature], lambda config: kill_from_inside(config, 25))


@pytest.mark.parametrize("overrides", [["model.dropout=0.3"], ["precision=bf16", "accumulate=2"]])
def test_killed_on_texts(tmp_path, monkeypatch, overrides):
    monkeypatch.chdir(tmp_path)
    texts.dataset(tmp_path, tokenizer="own")
    small = ["epochs=2", "batch_size=8", "model.width=0.25", "threads=1", "tracker=none"]

    def scratch(*more):
        return compose(["experiment=texts/scratch", "data=texts", *small, *more])

    check(scratch, overrides, lambda config: kill_from_inside(config, 25))


def test_a_run_goes_on_in_the_precision_it_was_begun_in(workplace, debug, monkeypatch):
    """Where it began `precision=auto` meant bf16, and where it goes on fp32."""
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": True})
    directory = train(debug())
    (directory / SUMMARY).unlink()
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)
    said = []
    assert train(debug(), said.append) == directory
    assert ", bf16, " in said[0]
    assert read_json(directory / PROVENANCE)["hardware"]["precision"] == "bf16"
    assert train(debug("seed=1"), said.append) != directory
    assert ", fp32, " in said[-1]


def check(debug, overrides: list[str], kill: Callable[[TrainConfig], int]) -> None:
    whole = train(debug(*overrides, "runs=whole"))
    config = debug(*overrides, "checkpoint_seconds=0")
    directory = run_directory(config)
    assert kill(config) == -signal.SIGKILL
    assert not (directory / "summary.json").exists()
    assert (directory / "last.ckpt").exists()
    assert train(dataclasses.replace(config, checkpoint_seconds=20)) == directory
    assert_same_bits(whole, directory)


def kill_from_outside(config: TrainConfig, steps: int) -> int | None:
    """Start a training process and kill it, wherever it is, once its checkpoint has got that far."""
    process = PROCESSES.Process(target=train, args=(config,))
    process.start()
    checkpoint = run_directory(config) / "last.ckpt"
    while process.is_alive():
        if checkpoint.exists() and load_checkpoint(checkpoint)["position"]["step"] >= steps:
            process.kill()
            break
        time.sleep(0.01)
    process.join(120)
    return process.exitcode
