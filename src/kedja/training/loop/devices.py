"""Where and how a run computes: device, processes, precision."""

import logging
import os
from typing import Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from torch import nn

from kedja.common.errors import KedjaError
from kedja.training.config.schema import TrainConfig

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
# The processor's instructions that multiply bf16, as torch names them.
BF16_UNITS = ("amx_bf16", "avx512_bf16")
FABRIC_PRECISION: dict[str, Precision] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def make_fabric(config: TrainConfig, network: nn.Module) -> Fabric:
    """Fabric for the configured device, and precision of `network`; under `torchrun`, for its processes.

    Raises:
        KedjaError: the device is not there, or does not know the precision, or processes cannot share the network out.
    """
    # Its messages say what the configuration says.
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    device = available_device(config.device)
    precision = FABRIC_PRECISION[available_precision(config.precision, device, network)]
    # torchrun tells its processes how many they are, here and everywhere.
    here, everywhere = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), int(os.environ.get("WORLD_SIZE", "1"))
    if everywhere == 1 and not torch.distributed.is_torchelastic_launched():
        return Fabric(accelerator=device, devices=1, precision=precision)
    nodes = everywhere // here
    if config.strategy == "fsdp":
        _check_shareable(config, precision)
        # `Learner` cuts the network into stretches itself, its moving average too.
        strategy: str | ModelParallelStrategy = ModelParallelStrategy(
            lambda network, _: network, data_parallel_size=everywhere, tensor_parallel_size=1
        )
    else:
        strategy = "ddp"
    fabric = Fabric(accelerator=device, devices=here, num_nodes=nodes, precision=precision, strategy=strategy)
    fabric.launch()
    return fabric


def _check_shareable(config: TrainConfig, precision: Precision) -> None:
    """Refuse what needs whole weights in one process."""
    refused = {
        "optim=muon": config.optim.name == "muon",
        "precision=fp16": precision == FABRIC_PRECISION["fp16"],
        "compile=true": config.compile,
        "diagnose": bool(config.diagnose),
    }
    for what, wanted in refused.items():
        if wanted:
            raise KedjaError(f"strategy=fsdp does not work with {what}", "strategy=ddp, or leave it out")


def precision_of(fabric: Fabric) -> str:
    """As the configuration names it: fp32, bf16 or fp16."""
    chosen = fabric.strategy.precision.precision
    return next(name for name, theirs in FABRIC_PRECISION.items() if theirs == chosen)


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


def available_precision(wanted: str, device: str, network: nn.Module) -> str:
    """`wanted` if the device knows it; ``auto``: the fastest that is safe, see `_fastest_precision`.

    Raises:
        KedjaError: the device does not know it.
    """
    if wanted == "auto":
        return _fastest_precision(device, network)
    if wanted == "fp16" and device != "cuda":
        raise KedjaError(f"precision=fp16 needs a CUDA GPU, and this runs on {device}", "precision=bf16 or fp32")
    return wanted


def _fastest_precision(device: str, network: nn.Module) -> str:
    """From what is known beforehand, never from a measurement: a run must choose the same each time.

    A GPU: bf16, or fp16 where it lacks that. A CPU that computes in bf16: that, but fp32 for networks with depthwise
    convolutions (MobileNet, EfficientNet, …), which take up to twice the time in bf16.
    """
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    if device != "cpu" or not any(torch.cpu.get_capabilities().get(name) for name in BF16_UNITS):
        return "fp32"
    return "fp32" if any(_is_channel_wise(layer) for layer in network.modules()) else "bf16"


def _is_channel_wise(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1
