"""Weights to start from: published ones, a file's, or another run's; what fits is taken, and what was not is said."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from kedja.common.errors import KedjaError
from kedja.runs.folder import BEST
from kedja.training.config.schema import ModelConfig
from kedja.training.loop.checkpoint import load_checkpoint, load_weights
from kedja.training.models.pretrained import published

RUN_PREFIX = "network.body."


@dataclass(frozen=True)
class Transfer:
    """Names of tensors: taken over, of another shape (left fresh), missing from the weights, and not used of them."""

    taken: list[str]
    reshaped: list[str]
    missing: list[str]
    unused: list[str]

    def describe(self, source: str) -> str:
        """One line an outcome."""
        total = len(self.taken) + len(self.reshaped) + len(self.missing)
        lines = [f"{source}: {len(self.taken)} of {total} tensors loaded"]
        for names, what in (
            (self.reshaped, "of another shape, left fresh"),
            (self.missing, "not there, left fresh"),
            (self.unused, "there but not in this network"),
        ):
            if names:
                shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
                lines.append(f"  {what}: {shown}")
        return "\n".join(lines)


def initialise(body: nn.Module, config: ModelConfig, say: Callable[[str], None]) -> None:
    """Fill `body` as `pretrained` and `init_from` say, and say what was and was not loaded.

    Raises:
        KedjaError: both are set, the weights cannot be had, or none of them fits.
    """
    if config.pretrained and config.init_from:
        raise KedjaError("model.pretrained and model.init_from are both set", "keep one of them")
    if config.pretrained:
        found = published(config)
        weights, source = found.load(list(body.state_dict())), found.title
    elif config.init_from:
        weights, source = read_weights(Path(config.init_from)), config.init_from
    else:
        return
    transfer = take_over(body, weights)
    if not transfer.taken:
        raise KedjaError(f"nothing in {source} fits {config.name}", "give the weights of the same kind of network")
    say(transfer.describe(source))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a run (its best weights), a safetensors file, or a file of torch.save (weights only)."""
    if path.is_dir():
        path = path / BEST
    weights = load_weights(path) if path.suffix == ".safetensors" else _read_torch(path)
    if any(name.startswith(RUN_PREFIX) for name in weights):
        return {n.removeprefix(RUN_PREFIX): w for n, w in weights.items() if n.startswith(RUN_PREFIX)}
    return weights


@torch.no_grad()
def take_over(body: nn.Module, weights: dict[str, Tensor]) -> Transfer:
    """Copy every tensor of the same name and shape; a first filter of three colours is summed for greyscale."""
    state = body.state_dict()
    taken, reshaped = [], []
    for name in state.keys() & weights.keys():
        value = fitted(weights[name], state[name].shape)
        if value is None:
            reshaped.append(name)
        else:
            state[name].copy_(value)
            taken.append(name)
    return Transfer(
        sorted(taken), sorted(reshaped), sorted(state.keys() - weights.keys()), sorted(weights.keys() - state.keys())
    )


def fitted(weight: Tensor, shape: torch.Size) -> Tensor | None:
    """`weight` in that shape, or None.

    A filter for another number of channels answers as before on equal channels: a grey image gets
    what its three equal colours would.
    """
    if weight.shape == shape:
        return weight
    are_filters = weight.ndim == len(shape) == 4
    if are_filters and {weight.shape[1], shape[1]} == {1, 3} and weight[:, :1].shape == (shape[0], 1, *shape[2:]):
        return weight.sum(1, keepdim=True).expand(shape) / shape[1]
    return None


def _read_torch(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise KedjaError(f"model.init_from={path} does not exist", "give a run's folder or a file of weights")
    state = load_checkpoint(path)
    for nested in ("state_dict", "model"):
        state = state[nested] if isinstance(state.get(nested), dict) else state
    return {name: value for name, value in state.items() if isinstance(value, Tensor)}
