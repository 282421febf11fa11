"""Networks that are shared out over processes: each keeps its stretch of every weight, gradient and average (FSDP).

torch's `fully_shard` (Zhao et al. 2023, arXiv:2304.11277, second form) cuts each weight along its first dimension and
fetches a block's weights when the block is computed. Here is what of a run's state this changes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from kedja.training.loop.recompute import blocks

# Marks a process's stretch of a tensor in a saved state.
STRETCH = "stretch of"


def shard(network: nn.Module, mesh: Any) -> nn.Module:
    """Share out every block of `network`, in place, over the processes of `mesh`; returns it."""
    from torch.distributed.fsdp import fully_shard

    for block in blocks(network):
        fully_shard(block, mesh=mesh)
    fully_shard(network, mesh=mesh)
    return network


def stretches(state: Any) -> Any:
    """A nested state with tensors of its own, in which this process's stretch stands for each shared tensor."""
    if isinstance(state, DTensor):
        return {STRETCH: list(state.shape), "values": state.to_local().detach().clone()}
    if isinstance(state, dict):
        return {key: stretches(value) for key, value in state.items()}
    return [stretches(value) for value in state] if isinstance(state, list) else state


def joined(states: Sequence[Any]) -> Any:
    """The whole state from every process's `stretches`."""
    first = states[0]
    if isinstance(first, dict) and STRETCH in first:
        return torch.cat([state["values"] for state in states]).view(first[STRETCH])
    if isinstance(first, dict):
        return {key: joined([state[key] for state in states]) for key in first}
    return [joined(values) for values in zip(*states, strict=True)] if isinstance(first, list) else first


def whole(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Named tensors, put together on the CPU one after another; every process must call it."""
    return {name: _whole(value).cpu() for name, value in weights.items()}


def shared_like(value: Tensor, parameter: Tensor) -> Tensor:
    """A process's stretch of `value`, shared out as `parameter` is; `value` itself where nothing is."""
    if not isinstance(parameter, DTensor) or value.shape != parameter.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    # Every process has read the same values, so that none has to be told.
    return distribute_tensor(
        value.to(parameter.device), parameter.device_mesh, parameter.placements, src_data_rank=None
    )


def load_module(module: nn.Module, state: dict[str, Tensor]) -> None:
    """`load_state_dict` of whole tensors, of which a shared module takes its stretches."""
    now = module.state_dict()
    module.load_state_dict({name: shared_like(value, now[name]) for name, value in state.items()})


def for_optimizer(optimizer: Any, state: dict[str, Any]) -> dict[str, Any]:
    """An optimizer's state of whole tensors as its `load_state_dict` wants it."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    spread = {
        number: {
            name: shared_like(value, parameters[number]) if isinstance(value, Tensor) else value
            for name, value in entries.items()
        }
        for number, entries in state["state"].items()
    }
    return state | {"state": spread}


def _whole(value: Tensor) -> Tensor:
    return value.full_tensor() if isinstance(value, DTensor) else value
