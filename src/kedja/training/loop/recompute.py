"""Gradient checkpointing: activations are computed again in the backward pass instead of kept (Chen et al. 2016)."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


def recompute_blocks(body: nn.Module) -> None:
    """Let every block of `body` recompute itself in training; parameters and their names stay."""
    for block in blocks(body):
        block.forward = partial(_recomputed, block, block.forward)


def blocks(module: nn.Module) -> list[nn.Module]:
    """The parts between two points where activations are kept: the entries of every outermost sequence."""
    if isinstance(module, nn.Sequential):
        return [block for block in module.children() if any(True for _ in block.parameters())]
    return [block for child in module.children() for block in blocks(child)]


def _recomputed(block: nn.Module, forward: Any, *inputs: Any) -> Any:
    if not block.training:
        return forward(*inputs)
    contexts = partial(_contexts, block)
    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts)


def _contexts(block: nn.Module) -> tuple[Any, Any]:
    return nullcontext(), _still_statistics(block)


@contextmanager
def _still_statistics(block: nn.Module) -> Iterator[None]:
    """The second forward pass must not move the running statistics once more."""
    norms = [m for m in block.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, kept, strict=True):
            norm.momentum = momentum
