"""Several processes, NCCL between GPUs and gloo between CPUs; one GPU is one process that all the same speaks NCCL."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kedja.training.config.run_folder import run_directory

pytestmark = pytest.mark.gpu

SCRIPT = str(Path(__file__).parents[1] / "training" / "killed_shared.py")


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_processes_learn_together_and_go_on_after_a_kill(device, workplace, debug, strategy):
    processes = max(1, torch.cuda.device_count()) if device == "cuda" else 2
    overrides = [f"device={device}", f"strategy={strategy}", "ema=0.9", "optim=adamw", "checkpoint_seconds=0"]
    directory = run_directory(debug(*overrides))
    died, lived = (torchrun(processes, last, "experiment=debug", *overrides) for last in ("25", "0"))
    assert died.returncode != 0
    assert lived.returncode == 0, lived.stderr[-3000:]
    shown = "one network shared out" if strategy == "fsdp" else f"{processes} processes"
    assert shown in lived.stdout
    assert json.loads((directory / "summary.json").read_text())["validation"]["accuracy"] > 0.3
    assert (directory / "best.safetensors").is_file()
    assert any(directory.glob("last.ckpt.parts-*")) == (strategy == "fsdp")


def torchrun(processes: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    return subprocess.run([*command, SCRIPT, *arguments], capture_output=True, text=True, env=environment, timeout=400)
