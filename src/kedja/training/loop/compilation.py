"""`torch.compile`, where it works."""

import copy
import warnings
from typing import Any

import torch
from torch import nn

from kedja.training.batches.dataset import ImageDataset
from kedja.training.models.classifier import to_float


def compiled(network: nn.Module, dataset: ImageDataset, batch_size: int) -> Any:
    """The network compiled, tried out forward and backward; as it was, with a warning, where that fails."""
    candidate = torch.compile(network)
    state = copy.deepcopy(network.state_dict())
    images = dataset.take(torch.arange(min(max(1, batch_size), len(dataset)))).images
    try:
        candidate(to_float(images.to(next(network.parameters()).device))).sum().backward()
    except Exception as error:  # noqa: BLE001 -- compilers fail in many ways; training without one is fine
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        warnings.warn(f"torch.compile does not work here, training goes on without: {reason}", stacklevel=2)
        return network
    finally:
        network.load_state_dict(state)
        network.zero_grad()
    return candidate
