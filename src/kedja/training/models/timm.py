"""Any classification network of timm, with its first and last layer made for the data set."""

import functools
from pathlib import Path
from typing import Any

from torch import nn

from kedja.common.errors import KedjaError, nearest
from kedja.training.config.schema import ModelConfig
from kedja.training.models.records import TIMM
from kedja.training.models.weights.origin import Origin, checkpoints, of_file

SAFE = "model.safetensors"
# The embedded default is one of timm's networks; its weights come from a package (`pretrained`).
EMBEDDED = dict.fromkeys(("efficientnet_lite0", "efficientnet_lite0_stages"), "tf_efficientnet_lite0")


def timm_network(config: ModelConfig, channels: int, classes: int, side: int) -> nn.Module:
    """The network that `config.name` names, with fresh weights.

    Raises:
        KedjaError: timm has no such network, or it has no `model.width`.
    """
    import timm

    name = architecture(config.name)
    base = name.partition(".")[0]
    if base not in timm.list_models():
        raise KedjaError(f"timm has no network {name!r}", nearest(base, timm.list_models()))
    if config.width != 1:
        raise KedjaError(f"{name} has no model.width", "model.width=1")
    network: nn.Module = timm.create_model(name, num_classes=classes, in_chans=channels)
    return network


def architecture(name: str) -> str:
    """`resnet18.a1_in1k` of `timm:resnet18.a1_in1k`."""
    return EMBEDDED.get(name, name.removeprefix(TIMM))


@functools.cache
def published_facts(name: str) -> dict[str, Any]:
    """What timm says of the weights of an architecture: size, mean, std, hub, licence.

    Raises:
        KedjaError: timm knows no weights for it.
    """
    import timm

    known = timm.models.get_pretrained_cfg(architecture(name))
    if known is None or not known.has_weights:
        raise KedjaError(f"timm has no weights for {name}", "model.pretrained=false, or another network")
    facts: dict[str, Any] = known.to_dict()  # type: ignore[no-untyped-call]
    return facts


def published_weights(name: str) -> tuple[dict[str, Any], Origin]:
    """The weights that timm publishes for `name`: a file that somebody put there, or the hub's cache or its server.

    Raises:
        KedjaError: they cannot be had; names the file, and where to put it.
    """
    import timm

    repository = published_facts(name)["hf_hub_id"] or architecture(name)
    by_hand = checkpoints() / repository / SAFE
    given = {"file": str(by_hand)} if by_hand.is_file() else None
    try:
        network = timm.create_model(architecture(name), pretrained=True, pretrained_cfg_overlay=given)
    except Exception as error:  # noqa: BLE001 -- the hub's client raises many kinds
        raise KedjaError(
            f"the pretrained weights of {name} cannot be had: {str(error).splitlines()[0]}",
            f"connect to the network, or put {SAFE} of {repository} there: {by_hand}",
        ) from None
    state: dict[str, Any] = network.state_dict()
    return state, of_file(by_hand, "by hand") if given else _of_hub(repository, published_facts(name))


def _of_hub(repository: str, facts: dict[str, Any]) -> Origin:
    """What the hub's client has just read: it keeps files under the commit that they are of."""
    from huggingface_hub import try_to_load_from_cache

    identity, _, revision = repository.partition("@")
    for file in (facts.get("hf_hub_filename"), SAFE, "pytorch_model.bin"):
        found = try_to_load_from_cache(identity, file, revision=revision or None) if file else None
        if isinstance(found, str):
            return of_file(Path(found), Path(found).parent.name)
    return Origin("", "unknown", "")
