"""Name → what is known of a network before it is made. A new one is a file of its own and a line here. No torch."""

from dataclasses import dataclass, replace

from kedja.common.errors import KedjaError, nearest
from kedja.training.component import Component

COMMON = ("dropout", "image_size", "init_from", "recompute")
PUBLISHED = (*COMMON, "pretrained")
TORCHVISION, TIMM = "torchvision:", "timm:"


@dataclass(frozen=True)
class Model(Component):
    """Attributes:
    make: of images (configuration, channels, classes, shorter side in pixels) → float (N, C, H, W) → logits
        (N, classes); of texts (configuration, input, classes) → int64 (N, 2, length) → logits.
    published: `module:function` that says of a configuration what published weights there are
        (`kedja.training.models.weights.pretrained`); empty where there are none.
    drops_out: whether it has `model.dropout` built in; else a layer is put before its last one.
    kinds: of the examples that it takes.
    framework: what fits it, see `kedja.frameworks.registry`.
    stepwise: whether it learns in epochs; else it is grown at once, and what is drawn for it hangs on the seed.
    """

    published: str = ""
    drops_out: bool = True
    kinds: tuple[str, ...] = ("image",)
    framework: str = "torch"
    stepwise: bool = True


@dataclass(frozen=True)
class Architecture:
    """What a network of torchvision needs besides the number of classes.

    Attributes:
        arguments: given as they are.
        width: name of its argument for `model.width`.
        side: name of its argument for the images' side.
    """

    arguments: tuple[tuple[str, bool], ...] = ()
    width: str = ""
    side: str = ""


_WITHOUT_AUXILIARY = Architecture((("aux_logits", False), ("init_weights", True)))
_MOBILE, _TRANSFORMER = Architecture(width="width_mult"), Architecture(side="image_size")
ARCHITECTURES: dict[str, Architecture] = {
    **dict.fromkeys(("googlenet", "inception_v3"), _WITHOUT_AUXILIARY),
    **dict.fromkeys(("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"), _MOBILE),
    **dict.fromkeys(("vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32"), _TRANSFORMER),
}
_TORCHVISION = Model(
    "kedja.training.models.torchvision:torchvision_network",
    PUBLISHED,
    published="kedja.training.models.weights.pretrained:of_torchvision",
    drops_out=False,
)
_TIMM = Model(
    "kedja.training.models.timm:timm_network",
    PUBLISHED,
    published="kedja.training.models.weights.pretrained:of_timm",
    drops_out=False,
)
MODELS: dict[str, Model] = {
    "cnn": Model("kedja.training.models.cnn:cnn", (*COMMON, "width")),
    "resnet9": Model("kedja.training.models.resnet9:resnet9", (*COMMON, "width")),
    "airbench": Model("kedja.training.models.airbench:airbench", (*COMMON, "width")),
    "airbench96": Model("kedja.training.models.airbench:airbench96", (*COMMON, "width")),
    "efficientnet_lite0": replace(_TIMM, published="kedja.training.models.weights.pretrained:embedded"),
    "efficientnet_lite0_stages": replace(
        _TIMM,
        make="kedja.training.models.staged:staged_network",
        published="kedja.training.models.weights.pretrained:embedded",
    ),
    "boosting": Model(
        "",
        ("rate", "rounds", "leaves", "leaf_rows", "l2", "columns", "members"),
        kinds=("table",),
        framework="boosting",
        stepwise=False,
    ),
    "rows_network": Model("", ("width", "dropout"), kinds=("table",), framework="rows-network"),
    "minilm": Model(
        "kedja.training.models.texts.encoder:minilm",
        ("dropout", "init_from", "pretrained"),
        published="kedja.training.models.texts.encoder:published_minilm",
        kinds=("text",),
    ),
    "textcnn": Model(
        "kedja.training.models.texts.convolutional:convolutional", ("dropout", "init_from", "width"), kinds=("text",)
    ),
    "mobilenet_v3_small": replace(_TORCHVISION, keys=(*PUBLISHED, "width")),
}
# Libraries of networks: the prefix of a name → the record of what follows.
LIBRARIES: dict[str, Model] = {TORCHVISION: _TORCHVISION, TIMM: _TIMM}


def find(name: str) -> Model:
    """The record of the network of that name.

    Raises:
        KedjaError: there is none; names the nearest.
    """
    for prefix, record in LIBRARIES.items():
        if name.startswith(prefix):
            wide = ARCHITECTURES.get(name.removeprefix(prefix), Architecture()).width
            return replace(record, keys=(*record.keys, "width")) if wide else record
    if name not in MODELS:
        known = [*MODELS, *(f"{prefix}resnet18" for prefix in LIBRARIES)]
        raise KedjaError(f"model.name={name}: there is no such model", nearest(name, known))
    return MODELS[name]
