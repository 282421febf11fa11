"""Which layers of a network learn, and how fast: freezing, head first, discriminative learning rates."""

from collections.abc import Iterator

from torch import nn

from kedja.common.errors import KedjaError, nearest
from kedja.training.config.schema import FinetuneConfig

BODY = "body"


def head_name(body: nn.Module, classes: int) -> str:
    """The last layer: the last linear or convolutional one that has an output a class."""
    found = [
        name
        for name, module in body.named_modules()
        if classes in (getattr(module, "out_features", None), getattr(module, "out_channels", None))
    ]
    return str(found[-1])


def learning_rate_factors(body: nn.Module, config: FinetuneConfig) -> dict[nn.Parameter, float]:
    """Each parameter's learning-rate multiplier: `first_lr` at the first layer, geometrically up to 1 at the last."""
    layers = [layer for layer in body.modules() if any(True for _ in layer.parameters(recurse=False))]
    last = max(1, len(layers) - 1)
    return {
        parameter: config.first_lr ** (1 - index / last)
        for index, layer in enumerate(layers)
        for parameter in layer.parameters(recurse=False)
    }


def set_learning(body: nn.Module, head: str, config: FinetuneConfig, epoch: int) -> None:
    """Before `epoch` (from 0): frozen layers take no gradient, and their batch statistics stand still."""
    prefixes = _frozen_prefixes(config)
    head_alone = epoch < config.head_epochs or BODY in prefixes
    for name, module in _leaves(body):
        frozen = not name.startswith(head) if head_alone else any(name.startswith(prefix) for prefix in prefixes)
        module.train(not frozen)
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(not frozen)


def check_freeze(body: nn.Module, config: FinetuneConfig) -> None:
    """Raise a `KedjaError` for a beginning that no layer has, or if all layers are frozen."""
    names, prefixes = [name for name, _ in body.named_modules() if name], _frozen_prefixes(config)
    for prefix in prefixes:
        if prefix != BODY and not any(name.startswith(prefix) for name in names):
            raise KedjaError(f"finetune.freeze={prefix}: no layer's name begins so", nearest(prefix, [BODY, *names]))
    if BODY not in prefixes and all(name.startswith(tuple(prefixes)) for name, _ in _leaves(body)):
        raise KedjaError(f"finetune.freeze={config.freeze} leaves no layer to learn", "freeze fewer, or `body`")


def _frozen_prefixes(config: FinetuneConfig) -> list[str]:
    return [part.strip() for part in config.freeze.split(",") if part.strip()]


def _leaves(body: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Modules that hold parameters of their own."""
    return ((n, m) for n, m in body.named_modules() if any(True for _ in m.parameters(recurse=False)))
