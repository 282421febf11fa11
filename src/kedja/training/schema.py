"""Every key of a training run: its type, default and meaning.

Imports no torch, so that composing a configuration and finding out that its run is finished cost no
start-up time. The classes are not frozen, because Hydra refuses overrides of frozen ones: read-only after composition.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any


def key(default: Any, meaning: str, choices: tuple[str, ...] = ()) -> Any:
    """A field with its default, the sentence that `--help` prints, and the values it may take."""
    return dataclasses.field(default=default, metadata={"meaning": meaning, "choices": choices})


@dataclass
class DataConfig:
    """Which images."""

    name: str = key("digits", "the prepared data set data/<name>/")


@dataclass
class ModelConfig:
    """Which network."""

    name: str = key("cnn", "a network of the registry (docs/models.md)")
    width: float = key(1.0, "factor on the number of channels of every layer")
    dropout: float = key(0.0, "share of the last features dropped in training")
    image_size: int = key(0, "images are resized to this side inside the network; 0 keeps their size")
    pretrained: bool = key(False, "start from torchvision's published weights")


@dataclass
class OptimConfig:
    """Which optimizer."""

    name: str = key("sgd", "the optimizer", ("sgd", "adamw"))
    lr: float = key(0.1, "highest learning rate of the schedule")
    momentum: float = key(0.9, "Nesterov momentum of SGD")
    beta1: float = key(0.9, "AdamW's decay of the mean gradient")
    beta2: float = key(0.999, "AdamW's decay of the mean squared gradient")
    weight_decay: float = key(5e-4, "decay of weights; biases and normalisations are spared")


@dataclass
class ScheduleConfig:
    """How the learning rate moves over the run."""

    name: str = key("onecycle", "the curve after warm-up", ("onecycle", "cosine", "constant"))
    warmup: float = key(0.2, "share of all steps in which the learning rate rises linearly")
    final: float = key(0.0, "learning rate at the end, as a share of the highest")


@dataclass
class AugmentConfig:
    """How training images are varied, a batch at a time, on the training device."""

    shift: int = key(0, "images move by up to this many pixels in each direction")
    rotate: float = key(0.0, "images turn by up to this many degrees")
    scale: float = key(0.0, "images grow or shrink by up to this share")
    flip: bool = key(False, "images are mirrored left to right, half of them")
    fill: str = key("zero", "what comes in at the border", ("zero", "reflect"))


@dataclass
class LossConfig:
    """What is minimised."""

    label_smoothing: float = key(0.0, "share of the target spread over all classes")


@dataclass
class TrainConfig:
    """Train one model. Groups choose files of conf/<group>/; single keys override what they say."""

    experiment: str = key("default", "a file of conf/experiment/: its differences from conf/config.yaml")
    seed: int = key(0, "seed of weights, order, augmentation and dropout")
    epochs: int = key(20, "passes over the training split")
    batch_size: int = key(64, "images a step, over all devices")
    ema: float = key(0.0, "decay of the moving average of the weights that is evaluated and kept; 0 is off")
    clip: float = key(0.0, "largest norm of the gradient; 0 is off")
    patience: int = key(0, "epochs without a better validation loss before stopping; 0 is off")
    device: str = key("auto", "where to train", ("auto", "cpu", "cuda", "mps"))
    precision: str = key("fp32", "arithmetic of forward and backward pass", ("fp32",))
    threads: int = key(0, "CPU threads, part of what makes results exact; 0 chooses by cores and image size")
    checkpoint_seconds: float = key(20.0, "least time between two checkpoints; 0 writes one at every step")
    runs: str = key("runs", "folder of the runs")
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    optim: OptimConfig = dataclasses.field(default_factory=OptimConfig)
    schedule: ScheduleConfig = dataclasses.field(default_factory=ScheduleConfig)
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)


# Keys that say how or where to run, not what comes out.
NOT_HASHED = ("seed", "runs", "checkpoint_seconds")


def leaves(config: type = TrainConfig, prefix: str = "") -> "dict[str, dataclasses.Field[Any]]":
    """Flat key (`optim.lr`) → field, in order."""
    found: dict[str, dataclasses.Field[Any]] = {}
    for field in dataclasses.fields(config):
        if isinstance(field.type, type) and dataclasses.is_dataclass(field.type):
            found |= leaves(field.type, f"{prefix}{field.name}.")
        else:
            found[prefix + field.name] = field
    return found


def groups() -> list[str]:
    """Names of the configuration groups: `data`, `model`, …"""
    return [f.name for f in dataclasses.fields(TrainConfig) if dataclasses.is_dataclass(f.type)]


def flat(config: TrainConfig) -> dict[str, Any]:
    """Flat key → value."""
    return _flatten(dataclasses.asdict(config), "")


def _flatten(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found
