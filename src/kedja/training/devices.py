"""Where and how a run computes: device, processes, precision."""

import logging
import os
from typing import Literal

import torch
from lightning_fabric import Fabric

from kedja.bundle.errors import KedjaError
from kedja.training.schema import TrainConfig

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
FABRIC_PRECISION: dict[str, Precision] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def make_fabric(config: TrainConfig) -> Fabric:
    """Fabric for the configured device and precision; under `torchrun`, for its processes (DDP).

    Raises:
        KedjaError: the device is not there, or does not know the precision.
    """
    # Its messages say what the configuration says.
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    device = available_device(config.device)
    precision = FABRIC_PRECISION[available_precision(config.precision, device)]
    # torchrun tells its processes how many they are, here and everywhere.
    here, everywhere = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), int(os.environ.get("WORLD_SIZE", "1"))
    if everywhere == 1:
        return Fabric(accelerator=device, devices=1, precision=precision)
    fabric = Fabric(accelerator=device, devices=here, num_nodes=everywhere // here, precision=precision, strategy="ddp")
    fabric.launch()
    return fabric


def available_device(wanted: str) -> str:
    """`wanted` if it is there; ``auto`` takes a GPU before the CPU.

    Raises:
        KedjaError: the device is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    available = [name for name, is_there in there.items() if is_there]
    if wanted == "auto":
        return available[0]
    if wanted not in available:
        raise KedjaError(f"device={wanted} is not available here", f"available: {', '.join(available)}")
    return wanted


def available_precision(wanted: str, device: str) -> str:
    """`wanted` if the device knows it; ``auto``: fp32 on a CPU, bf16 on a GPU that has it, else fp16.

    Raises:
        KedjaError: the device does not know it.
    """
    if wanted == "auto":
        if device == "cuda":
            return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
        return "fp32"
    if wanted == "fp16" and device != "cuda":
        raise KedjaError(f"precision=fp16 needs a CUDA GPU, and this runs on {device}", "precision=bf16 or fp32")
    return wanted
