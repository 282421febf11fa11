"""Weights to start from: published ones, a file's, or another run's; what fits is taken, and what was not is said."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from kedja.common.errors import KedjaError
from kedja.common.paths import home_known
from kedja.training.config.schema import ModelConfig
from kedja.training.models.weights.files import Weights, read_weights
from kedja.training.models.weights.pretrained import published

# What data parallelism, compilation, Lightning, self-supervised training and our own runs put before names.
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "encoder.", "body.")


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


def initialise(
    body: nn.Module, config: ModelConfig, say: Callable[[str], None], normalise: nn.Module | None = None
) -> dict[str, str] | None:
    """Fill `body` as `pretrained` and `init_from` say, and say what was and was not loaded.

    Args:
        normalise: what stands before the body; it takes the units that the weights of a run learnt in.

    Returns:
        Where the weights come from, for the provenance: title, licence and SHA-256 of the tensors, and of published
        ones file, revision and SHA-256 of the file; None for fresh ones.

    Raises:
        KedjaError: both are set, the weights cannot be had, or none of them fits.
    """
    if config.pretrained and config.init_from:
        raise KedjaError("model.pretrained and model.init_from are both set", "keep one of them")
    origin: dict[str, str] = {}
    if config.pretrained:
        found = published(config)
        (weights, file), source, licence = found.load(list(body.state_dict())), found.title, found.licence
        origin = asdict(file)
    elif config.init_from:
        weights, source = read_weights(home_known("model.init_from", config.init_from)), config.init_from
        licence = "as what they come from"
    else:
        return None
    state = body.state_dict()
    fitting, prefix = matched(weights, state)
    transfer = take_over(body, fitting)
    if not transfer.taken:
        raise KedjaError(
            f"nothing in {source} fits {config.name}:\n  it holds {_first(weights)}\n  the network has {_first(state)}",
            "give the weights of the same kind of network",
        )
    if broken := [name for name in transfer.taken if not torch.isfinite(fitting[name]).all()]:
        raise KedjaError(
            f"{source} holds values that are not finite, in {broken[0]}", "give the weights of another epoch"
        )
    say(transfer.describe(f"{source} (without its prefix `{prefix}`)" if prefix else source))
    if normalise is not None and config.init_from:
        _take_units(normalise, weights, say)
    return {"title": source, "licence": licence, "sha256": fingerprint(weights), **origin}


@torch.no_grad()
def _take_units(normalise: nn.Module, weights: Weights, say: Callable[[str], None]) -> None:
    """Let pixels be normalised as the weights learnt them, where their run says how; other files say nothing."""
    own = normalise.state_dict()
    theirs = {key: value for name, value in weights.items() if (key := name.rpartition("normalise.")[2]) in own}
    if theirs.keys() != own.keys() or any(value.ndim != own[key].ndim for key, value in theirs.items()):
        return
    for key, value in theirs.items():
        # Another number of colours: each gets their mean.
        fits = value.shape == own[key].shape
        own[key].copy_(value if fits else value.mean(1, keepdim=True))
    mean, std = (", ".join(f"{number:.3f}" for number in own[key].flatten().tolist()) for key in ("mean", "std"))
    say(f"  pixels are normalised as they were then: mean {mean}, standard deviation {std}")


def fingerprint(weights: dict[str, Tensor]) -> str:
    """SHA-256 of names and values, whatever file they came in."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(
            name.encode() + weights[name].detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        )
    return digest.hexdigest()


def matched(weights: Weights, state: Weights) -> tuple[Weights, str]:
    """The weights under the network's names, and the prefix that was taken off for it; what fits most is taken."""
    best, fits, taken_off = weights, _count(weights, state), ""
    for prefix in _prefixes(weights):
        bare = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
        if (count := _count(bare, state)) > fits:
            best, fits, taken_off = bare, count, prefix
    return best, taken_off


def _prefixes(weights: Weights) -> list[str]:
    """What may stand before all names of a network: what all have in common, or what wrappers put there."""
    found, waiting = [], [""]
    while waiting:
        outer = waiting.pop(0)
        heads = [name.removeprefix(outer).partition(".")[0] + "." for name in weights if name.startswith(outer)]
        inner = {head for head in heads if head in WRAPPERS or heads.count(head) == len(heads)}
        waiting += sorted(outer + head for head in inner if outer + head not in weights)
        found += [outer + head for head in sorted(inner)]
    return found


def _count(weights: Weights, state: Weights) -> int:
    return sum(fitted(weights[name], state[name].shape) is not None for name in weights.keys() & state.keys())


@torch.no_grad()
def take_over(body: nn.Module, weights: Weights) -> Transfer:
    """Copy every tensor of the same name and shape; a first filter of three colours is summed for greyscale."""
    state = body.state_dict()
    taken, reshaped = [], []
    for name in state.keys() & weights.keys():
        value = fitted(weights[name], state[name].shape)
        if value is None:
            reshaped.append(name)
        else:
            state[name].copy_(value)  # in the network's precision, whatever the file's
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
    if (
        are_filters
        and weight.is_floating_point()
        and {weight.shape[1], shape[1]} == {1, 3}
        and weight[:, :1].shape == (shape[0], 1, *shape[2:])
    ):
        return weight.float().sum(1, keepdim=True).expand(shape) / shape[1]
    return None


def _first(tensors: Weights) -> str:
    shown = ", ".join(f"{name} {tuple(value.shape)}" for name, value in list(tensors.items())[:3])
    return shown + (" …" if len(tensors) > 3 else "")
