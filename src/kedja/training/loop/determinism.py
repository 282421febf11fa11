"""Kernels whose sums have a fixed order, so that a GPU gives the same bits each time.

A CPU's sums have one anyway, which hangs on the number of threads. On a GPU some kernels add as their threads happen to
finish, and cuDNN and cuBLAS choose among kernels by measuring them.
"""

import os
import re

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kedja.common.errors import KedjaError

# Of NVIDIA's documentation of cuBLAS: with a workspace of a fixed size its products come out the same each time.
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_MISSING = re.compile(r"(\S+) does not have a deterministic implementation")


def set_determinism(wanted: bool) -> None:
    """For all that torch computes from here on; without it cuDNN measures which of its kernels is the fastest."""
    if wanted:
        os.environ.setdefault(WORKSPACE, ":4096:8")
    torch.use_deterministic_algorithms(wanted)
    # Nothing here reads memory before it is written, and filling it first would cost time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.deterministic = wanted
    torch.backends.cudnn.benchmark = not wanted


def fix_order(body: nn.Module) -> None:
    """Put a layer with a fixed order in place of the one of this house's networks that has none on a GPU."""
    for name, layer in list(body.named_modules()):
        if isinstance(layer, nn.AdaptiveMaxPool2d) and layer.output_size in (1, (1, 1)):
            body.set_submodule(name, GlobalMaximum())


class GlobalMaximum(nn.Module):
    """`AdaptiveMaxPool2d(1)` by the kernel of ordinary windows, with one that takes the whole image."""

    def forward(self, x: Tensor) -> Tensor:
        highest: Tensor = F.max_pool2d(x, tuple(x.shape[-2:]))
        return highest


def no_fixed_order(error: RuntimeError) -> KedjaError | None:
    """What to say where torch has no kernel with a fixed order; None where `error` says something else."""
    found = _MISSING.search(str(error))
    if found is None:
        return None
    return KedjaError(
        f"deterministic=true: torch has no kernel with a fixed order of {found[1]} on this device",
        "another model or augmentation, or deterministic=false",
    )
