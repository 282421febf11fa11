"""Two processes on the CPU (gloo), started by torchrun."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kedja.training.config.run_folder import run_directory
from kedja.training.loop.train import train


def torchrun(*arguments: str) -> str:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *arguments]
    # Without it restarted workers may read the addresses of dead ones (torch 2.15, docs/training.md).
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def losses(directory: Path) -> list[float]:
    return [json.loads(line)["train_loss"] for line in (directory / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_processes_learn_as_one_and_survive_the_death_of_a_worker(workplace, debug):
    overrides = ["model.dropout=0.2", "ema=0.9", "threads=1"]
    # One process that computes each batch in two parts sees what two processes see.
    alone = train(debug(*overrides, "accumulate=2"))
    together = debug(*overrides)
    script = str(Path(__file__).with_name("killed_worker.py"))
    printed = torchrun("--max-restarts=1", script, "experiment=debug", *overrides, "checkpoint_seconds=0")
    directory = run_directory(together)
    assert losses(directory) == pytest.approx(losses(alone), rel=1e-5)
    assert json.loads((directory / "summary.json").read_text())["epochs"] == 2
    # Each attempt says once where it trains; every epoch is reported once.
    assert printed.count("2 processes") == 2
    assert printed.count("epoch   2/2") == 1
