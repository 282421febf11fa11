"""A network that is shared out over two processes on the CPU (gloo), started by torchrun."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kedja.common.errors import KedjaError
from kedja.frameworks.evaluate import evaluate
from kedja.training.config.run_folder import run_directory
from kedja.training.loop.checkpoint import load_checkpoint, load_weights
from kedja.training.loop.parts import load_whole
from kedja.training.loop.sharding import STRETCH, joined
from kedja.training.loop.train import train

SCRIPT = str(Path(__file__).with_name("killed_shared.py"))
OVERRIDES = ["model.dropout=0.2", "ema=0.9", "threads=1", "optim=adamw", "precision=fp32", "clip=1.0"]


def torchrun(*arguments: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", SCRIPT]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    return subprocess.run([*command, *arguments], capture_output=True, text=True, env=environment, timeout=400)


@pytest.mark.slow
def test_shared_out_it_learns_as_whole_and_goes_on_after_a_kill_in_any_number_of_processes(workplace, debug):
    alone = train(debug(*OVERRIDES, "accumulate=2", "runs=alone"))
    shared = [*OVERRIDES, "strategy=fsdp", "checkpoint_seconds=0"]
    directory = run_directory(debug(*shared))
    died = torchrun("25", "experiment=debug", *shared)
    assert died.returncode != 0
    assert not (directory / "summary.json").exists()
    parts = load_checkpoint(directory / "last.ckpt")
    assert parts["processes"] == 2
    stretch = load_checkpoint(directory / parts["parts"] / "1.ckpt")["learner"]["classifier"]["network.body.4.3.weight"]
    assert stretch[STRETCH] == [10, 16]
    assert len(stretch["values"]) == 5
    weights = load_whole(directory / "last.ckpt")["learner"]["classifier"]
    assert weights["network.body.4.3.weight"].shape == (10, 16)
    lived = torchrun("0", "experiment=debug", *shared)
    assert lived.returncode == 0, lived.stderr[-3000:]
    assert "2 processes, one network shared out" in lived.stdout
    assert losses(directory) == pytest.approx(losses(alone), rel=1e-4)
    assert len(list(directory.glob("last.ckpt.parts-*"))) == 1
    mine, whole = (load_weights(run / "best.safetensors") for run in (directory, alone))
    assert mine.keys() == whole.keys()
    # Running statistics are those of the first process's parts, not of both.
    for name in [name for name in whole if name.endswith((".weight", ".bias"))]:
        torch.testing.assert_close(mine[name], whole[name], rtol=1e-2, atol=1e-3)
    # What is exported answers as the run did.
    stored = np.load(directory / "validation.npz")
    np.testing.assert_allclose(stored["logits"], evaluate(directory, "val").logits, atol=1e-4)
    # Whole again in one process: another epoch goes on from the parts.
    (directory / "summary.json").unlink()
    assert train(debug(*shared)) == directory
    assert json.loads((directory / "summary.json").read_text())["epochs"] == 2


def losses(directory: Path) -> list[float]:
    return [json.loads(line)["train_loss"] for line in (directory / "metrics.jsonl").read_text().splitlines()]


def test_stretches_are_put_together_in_order():
    parts = [{"a": {STRETCH: [5, 2], "values": torch.arange(6.0).view(3, 2)}, "n": [1, torch.ones(2)]}]
    parts.append({"a": {STRETCH: [5, 2], "values": torch.arange(6.0, 10.0).view(2, 2)}, "n": [1, torch.zeros(2)]})
    found = joined(parts)
    assert torch.equal(found["a"], torch.arange(10.0).view(5, 2))
    assert torch.equal(found["n"][1], torch.ones(2))


@pytest.mark.parametrize(
    ("override", "named"), [("optim=muon", "optim=muon"), ("compile=true", "compile=true"), ("diagnose=5", "diagnose")]
)
def test_what_needs_whole_weights_is_refused_before_processes_meet(workplace, debug, monkeypatch, override, named):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(KedjaError, match=f"strategy=fsdp does not work with {named}"):
        train(debug("strategy=fsdp", override))


def test_a_part_that_is_missing_is_named(tmp_path):
    from kedja.training.loop.checkpoint import save_checkpoint

    save_checkpoint(tmp_path / "last.ckpt", {"parts": "last.ckpt.parts-3-0", "processes": 2})
    with pytest.raises(KedjaError, match=r"0\.ckpt is missing, a part of"):
        load_whole(tmp_path / "last.ckpt")
