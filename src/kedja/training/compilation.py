"""`torch.compile`, where it works."""

import warnings
from typing import Any

import torch
from torch import nn

from kedja.training.dataset import ImageDataset
from kedja.training.models.classifier import to_float


def compiled(network: nn.Module, dataset: ImageDataset) -> Any:
    """The network compiled, tried out on images of `dataset`; as it was, with a warning, where that fails."""
    candidate = torch.compile(network)
    images = dataset.__getitems__([0, min(1, len(dataset) - 1)]).images
    device = next(network.parameters()).device
    was_training = network.training
    try:
        network.eval()
        with torch.no_grad():
            candidate(to_float(images.to(device)))
    except Exception as error:  # noqa: BLE001 -- compilers fail in many ways; training without one is fine
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        warnings.warn(f"torch.compile does not work here, training goes on without: {reason}", stacklevel=2)
        return network
    finally:
        network.train(was_training)
    return candidate
