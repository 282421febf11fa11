"""Every key of a training run: its type, default and meaning.

Imports no torch, so that composing a configuration and finding out that its run is finished cost no
start-up time. The classes are not frozen, because Hydra refuses overrides of frozen ones: read-only after composition.
"""

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from kedja.common.options import option
from kedja.training.component import Component
from kedja.training.models import records
from kedja.training.optim.registry import LOSSES, OPTIMIZERS, SCHEDULES

TENSORBOARD, NONE = "tensorboard", "none"
MOST = 2**31 - 1
ANY = float("inf")


def key(
    default: Any,
    meaning: str,
    choices: Collection[str] = (),
    *,
    least: float | None = None,
    most: float = MOST,
    needs: tuple[str, ...] = (),
    in_hash: bool = True,
    later: bool = False,
    no_paths: tuple[str, ...] | None = None,
) -> Any:
    """A field with its default, the sentence that `--help` prints, and the values that it may take.

    Args:
        least: the value lies between it and `most`, both included.
        needs: other keys of its group, one of which must be on for it to have an effect.
        in_hash: whether the result depends on it.
        later: it came when there were runs already, which keep their names as long as nobody asks for it.
        no_paths: its text is a path, but for these words; see `kedja.common.paths`.
    """
    within = None if least is None else (least, most)
    return option(
        default, meaning, choices, within=within, needs=needs, in_hash=in_hash, later=later, no_paths=no_paths
    )


@dataclass
class DataConfig:
    """Which images."""

    name: str = key("digits", "the prepared data set data/<name>/")
    sampler: str = key(
        "shuffled", "balanced draws every class equally often, rare images repeatedly", ("shuffled", "balanced")
    )
    folds: int = key(0, "train and val are dealt into this many folds; 0 keeps the splits")
    fold: int = key(0, "the fold that validates, from 0; the others train")
    fraction: float = key(1.0, "share of each class's training images that trains; the seed draws them")
    workers: int = key(
        -1,
        "processes that decode images; -1: one a core for storage=files, else none",
        least=-1,
        most=1024,
        in_hash=False,
    )
    decoder: str = key(
        "pillow",
        "who decodes training images of storage=files: pillow, as everywhere else, or the device (a GPU by nvJPEG)",
        ("pillow", "device"),
        later=True,
    )


@dataclass
class ModelConfig:
    """Which network."""

    name: str = key("cnn", "a network of the registry, torchvision:<any of its classification models>, or timm:<any>")
    width: float = key(1.0, "factor on the number of channels of every layer", least=0.01, most=100)
    dropout: float = key(0.0, "share of the last features dropped in training", least=0, most=0.9999999)
    image_size: int = key(
        0,
        "images are resized to this side inside the network; 0 keeps their size, enlarged where weights need it",
        least=0,
    )
    pretrained: bool = key(False, "start from the published weights, in the size and units of what they learnt from")
    init_from: str = key(
        "", "start from the weights of a run (runs/…/seed0) or a file (.safetensors, .pt, .pth)", no_paths=()
    )
    recompute: bool = key(False, "save memory: compute activations again in the backward pass")
    rate: float = key(0.05, "boosting: share of each tree's answer that is added", least=0.0001, most=1, later=True)
    rounds: int = key(300, "boosting: trees, one after the other (of several classes, for each)", least=1, later=True)
    leaves: int = key(15, "boosting: leaves of a tree at the most", least=2, later=True)
    leaf_rows: int = key(20, "boosting: training rows of a leaf at the least", least=1, later=True)
    l2: float = key(0.0, "boosting: penalty on the leaves' values", least=0, most=ANY, later=True)
    columns: float = key(
        1.0, "boosting: share of the columns that each split is chosen from", least=0.01, most=1, later=True
    )
    members: int = key(1, "boosting: so many are grown, and their mean answers", least=1, later=True)


@dataclass
class FinetuneConfig:
    """What of a network that starts from other weights learns, when, and how fast."""

    freeze: str = key("", "prefixes of layer names that never learn, comma-separated; `body` is all but the last layer")
    head_epochs: int = key(0, "epochs in which the last layer alone learns, before all do", least=0)
    solve_head: bool = key(False, "the last layer starts as logistic regression on the network's features", later=True)
    first_lr: float = key(
        1.0, "learning-rate multiplier of the first layer (1 at the last); geometric in between", least=1e-09, most=1
    )


@dataclass
class OptimConfig:
    """Which optimizer."""

    name: str = key("sgd", "the optimizer", OPTIMIZERS)
    lr: float = key(0.1, "highest learning rate of the schedule", least=0, most=ANY)
    momentum: float = key(0.9, "Nesterov momentum of SGD and Muon")
    vector_lr: float = key(0.01, "Muon: learning rate of biases, normalisations and the last layer, which Adam trains")
    beta1: float = key(0.9, "Adam's decay of the mean gradient")
    beta2: float = key(0.999, "Adam's decay of the mean squared gradient")
    views: int = key(
        0,
        "lbfgs: random variations of every training image that are learnt from besides the image",
        least=0,
        most=1000,
        later=True,
    )
    weight_decay: float = key(5e-4, "decay of weights; biases and normalisations are spared", least=0, most=ANY)


@dataclass
class ScheduleConfig:
    """How the learning rate moves over the run."""

    name: str = key("onecycle", "the curve after warm-up", SCHEDULES)
    warmup: float = key(0.2, "share of all steps in which the learning rate rises linearly", least=0, most=1)
    final: float = key(0.0, "multiplier of the highest learning rate at the end", least=0, most=1)
    patience: int = key(3, "plateau: epochs without a better validation loss before the rate drops", least=0)
    drop: float = key(0.3, "plateau: what the rate is multiplied with")


@dataclass
class AugmentConfig:
    """How training images are varied, a batch at a time, on the training device."""

    shift: int = key(0, "images move by up to this many pixels in each direction", least=0)
    rotate: float = key(0.0, "images turn by up to this many degrees")
    scale: float = key(0.0, "images grow or shrink by up to this share", least=0, most=0.9)
    flip: str = key(
        "none",
        "half of the images are mirrored: at random, or by turns from epoch to epoch",
        ("none", "random", "alternating"),
    )
    fill: str = key("zero", "what comes in at the border", ("zero", "reflect"), needs=("shift", "rotate", "scale"))
    trivial: bool = key(False, "TrivialAugment: one random operation of random strength an image")
    erase: float = key(0.0, "share of the images of which a random rectangle is blanked", least=0, most=1)
    mixup: float = key(0.0, "mixup's alpha: images are blended in pairs, labels too; 0 is off", least=0)
    crop: float = key(
        0.0, "smallest share of the area that a random crop keeps, anywhere; 0 is off", least=0, most=1, later=True
    )
    colour: float = key(
        0.0, "brightness, contrast and saturation vary by up to this share", least=0, most=1, later=True
    )
    early_side: int = key(0, "at first images are shrunk to this side, which is quick; 0 is off", least=0)
    early_share: float = key(0.5, "share of all steps with shrunk images", least=0, most=1, needs=("early_side",))
    cutmix: float = key(
        0.0, "cutmix's alpha: a rectangle comes from another image, labels in proportion; 0 is off", least=0
    )


@dataclass
class LossConfig:
    """What is minimised."""

    name: str = key("cross_entropy", "the loss", LOSSES)
    label_smoothing: float = key(0.0, "share of the target spread over all classes", least=0, most=1)
    gamma: float = key(2.0, "focal: how much less easy images count", least=0)
    class_weights: str = key("none", "balanced: rare classes count more, in inverse proportion", ("none", "balanced"))


@dataclass
class TrainConfig:
    """Train one model. Groups choose files of conf/<group>/; single keys override what they say."""

    experiment: str = key("default", "a file of conf/experiment/: its differences from conf/config.yaml")
    seed: int = key(0, "seed of weights, order, augmentation and dropout", least=0)
    epochs: int = key(20, "passes over the training split", least=1)
    batch_size: int = key(64, "images a step, over all devices", least=1)
    ema: float = key(
        0.0, "decay of the moving average of the weights that is evaluated and kept; 0 is off", least=0, most=0.9999999
    )
    clip: float = key(0.0, "largest norm of the gradient; 0 is off", least=0, most=ANY)
    patience: int = key(0, "epochs without a better validation loss before stopping; 0 is off", least=0)
    device: str = key("auto", "where to train", ("auto", "cpu", "cuda", "mps"))
    precision: str = key(
        "auto",
        "arithmetic of the network; auto is bf16 where the hardware is fast in it, else fp32 or fp16",
        ("auto", "fp32", "bf16", "fp16"),
    )
    deterministic: bool = key(
        False, "on a GPU the same bits each time, by kernels whose sums have a fixed order; slower", later=True
    )
    strategy: str = key(
        "ddp",
        "several processes: ddp has the whole network in each, fsdp shares it out; needs torchrun",
        ("ddp", "fsdp"),
        in_hash=False,
        later=True,
    )
    accumulate: int = key(1, "parts a batch is computed in, to save memory", least=1)
    compile: bool = key(False, "torch.compile the network; goes on without where it fails")
    anomaly: bool = key(False, "find the operation that made a gradient NaN; slow", in_hash=False)
    threads: int = key(0, "CPU threads, part of what makes results exact; 0 chooses by cores and image size", least=0)
    checkpoint_seconds: float = key(
        20.0, "least time between two checkpoints; 0 writes one at every step", least=0, most=ANY
    )
    runs: str = key("runs", "folder of the runs", no_paths=())
    diagnose: int = key(
        0, "steps between two looks at gradients, activations and updates of every layer; 0 is off", least=0
    )
    tracker: str = key(
        TENSORBOARD, "who gets the run while it goes on: tensorboard, mlflow, wandb, several by commas, none"
    )
    tracker_address: str = key("", "URL of MLflow's or W&B's server, instead of the local store under runs/")
    tracker_project: str = key("", "what MLflow or W&B files the run under; the data set's name if not given")
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    finetune: FinetuneConfig = dataclasses.field(default_factory=FinetuneConfig)
    optim: OptimConfig = dataclasses.field(default_factory=OptimConfig)
    schedule: ScheduleConfig = dataclasses.field(default_factory=ScheduleConfig)
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)


# Groups whose keys belong to the component that `name` chooses → the component's record.
COMPONENTS: dict[str, Callable[[str], Component]] = {
    "model": records.find,
    "optim": OPTIMIZERS.__getitem__,
    "schedule": SCHEDULES.__getitem__,
    "loss": LOSSES.__getitem__,
}
# Keys that say how or where to run, not what comes out.
NOT_HASHED = (
    "seed",
    "runs",
    "diagnose",
    "tracker",
    "tracker_address",
    "tracker_project",
    "checkpoint_seconds",
)


def steps_through_epochs(config: TrainConfig) -> bool:
    """Whether it learns by steps, more of which bring more; a last layer that is solved is done at once."""
    return records.find(config.model.name).stepwise and not OPTIMIZERS[config.optim.name].solves


def is_drawn(config: TrainConfig) -> bool:
    """Whether the result depends on the seed: a solved last layer has none, unless images or views are drawn."""
    grown = not records.find(config.model.name).stepwise
    return grown or steps_through_epochs(config) or config.data.fraction < 1 or config.optim.views > 0


def leaves(config: type = TrainConfig, prefix: str = "") -> "dict[str, dataclasses.Field[Any]]":
    """Flat key (`optim.lr`) → field, in order."""
    found: dict[str, dataclasses.Field[Any]] = {}
    for field in dataclasses.fields(config):
        if isinstance(field.type, type) and dataclasses.is_dataclass(field.type):
            found |= leaves(field.type, f"{prefix}{field.name}.")
        else:
            found[prefix + field.name] = field
    return found


def own_keys(group: str, name: str) -> tuple[str, ...]:
    """The keys of a group of `COMPONENTS` that the component `name` has, without `name` itself."""
    return COMPONENTS[group](name).keys


def groups() -> list[str]:
    """Names of the configuration groups: `data`, `model`, …"""
    return [f.name for f in dataclasses.fields(TrainConfig) if dataclasses.is_dataclass(f.type)]


def trackers(config: TrainConfig) -> list[str]:
    """Names of those who get the run."""
    return [name for name in config.tracker.split(",") if name != NONE]


def flat(config: TrainConfig) -> dict[str, Any]:
    """Flat key → value."""
    return _flatten(dataclasses.asdict(config), "")


def own(config: TrainConfig) -> dict[str, Any]:
    """`flat` without the keys that the chosen components lack, which the command line would refuse."""
    lacked = {
        f"{group}.{field.name}"
        for group in COMPONENTS
        for field in dataclasses.fields(getattr(config, group))
        if field.name not in ("name", *own_keys(group, getattr(config, group).name))
    }
    return {key: value for key, value in flat(config).items() if key not in lacked}


def _flatten(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found
