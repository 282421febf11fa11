"""The device of these tests: CUDA's, or the one KEDJA_TEST_DEVICE names, so that they run without a GPU, too."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

REASON = "needs a CUDA GPU; KEDJA_TEST_DEVICE=cpu runs these tests on the CPU"


@pytest.fixture(scope="session")
def device() -> str:
    import torch

    wanted = os.environ.get("KEDJA_TEST_DEVICE", "cuda")
    if wanted == "cuda" and not torch.cuda.is_available():
        pytest.skip(REASON)
    return wanted


@pytest.fixture
def run(device, workplace, debug) -> Callable[..., Path]:
    """`run("ema=0.9")`: the folder of the debug experiment with overrides, trained on the device."""
    from kedja.training.loop.train import train

    return lambda *overrides: train(debug(f"device={device}", *overrides))
