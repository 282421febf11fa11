"""Runs that are killed, and what must come out of going on with them."""

import multiprocessing
import runpy
from pathlib import Path

import numpy as np
import torch

from kedja.training.config.schema import TrainConfig
from kedja.training.loop.checkpoint import load_checkpoint, load_weights

KILLED_RUN = Path(__file__).parents[1] / "training" / "killed_run.py"
# Processes are forked from one that has torch loaded: starting anew would cost seconds each.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["kedja.training.loop.train"])


def kill_from_inside(config: TrainConfig, steps: int) -> int | None:
    """The same at a step that is known, with one checkpoint on the disk instead of one a step."""
    script = str(KILLED_RUN)
    settings = {"init_globals": {"config": config, "steps": steps}}
    process = PROCESSES.Process(target=runpy.run_path, args=(script,), kwargs=settings)
    process.start()
    process.join(120)
    return process.exitcode


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
