"""`metadata.json`: what a server or another program needs to know about a bundle, and nothing else."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from kedja.bundle.image_spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.common.files import read_json, write_json

SCHEMA_VERSION = 1
METADATA = "metadata.json"
# What every model file answers with: float32 (N, classes) each.
OUTPUTS = ("logits", "probabilities")
MODEL = "model.onnx"
TORCHSCRIPT = "model.torchscript.pt"  # of networks alone: a scikit-learn pipeline has none
MODEL_CARD = "MODEL_CONTEXT.md"
SAMPLES = "samples"
FP32 = "fp32"


@dataclass(frozen=True)
class Golden:
    """An encoded image with what the training framework said of it.

    Attributes:
        file: path inside the bundle, for example ``samples/3-0142.png``.
        label: index of the true class.
        logits, probabilities: float32 values in class order, computed by the training framework
            from these very bytes.
    """

    file: str
    label: int
    logits: list[float]
    probabilities: list[float]


@dataclass(frozen=True)
class Variant:
    """A smaller or faster file for the same model, and what it costs; used only where the operator asks for it.

    Attributes:
        file: path inside the bundle.
        accuracy, reference_accuracy: shares of right answers on the validation split, of this file
            and of `model.onnx`.
        agreement: share of the validation images on which both name the same class.
        images: how many validation images that was.
        tolerance: largest allowed difference of a golden probability.
    """

    file: str
    accuracy: float
    reference_accuracy: float
    agreement: float
    images: int
    tolerance: float


@dataclass(frozen=True)
class Metadata:
    """The content of `metadata.json`.

    Attributes:
        name: the model's name, for example ``digits-resnet9``.
        version: content version, the first 12 hexadecimal digits of a hash over `files`.
        classes: class names in the order of the outputs.
        input: what `kedja.bundle.preprocess` makes of an image before the graph sees it.
        files: path inside the bundle → SHA-256, for every file but `metadata.json` itself.
        golden: examples that must come out right before the bundle is used.
        tolerance: largest allowed difference of a golden probability.
        variants: name (for example ``int8``) → another file for the same model.
        metrics: name → {"value", "low", "high"} with the bounds of the confidence interval.
        experiment: the complete configuration of the run.
        data_hash, git_commit, run, weights_sha256: where the model came from.
        temperature: the logits divided by it give calibrated confidences (found on the validation split); the
            graph's own probabilities are as trained. None where it was not found.
        kind: ``image``; other kinds come beside it.
    """

    name: str
    version: str
    classes: list[str]
    input: ImageSpec
    files: dict[str, str]
    golden: list[Golden]
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    experiment: dict[str, Any] = field(default_factory=dict)
    data_hash: str = ""
    git_commit: str = ""
    run: str = ""
    weights_sha256: str = ""
    licence: str = ""
    tolerance: float = 1e-4
    temperature: float | None = None
    variants: dict[str, Variant] = field(default_factory=dict)
    kind: str = "image"
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise KedjaError(
                f"the bundle has schema version {self.schema_version}, this code reads {SCHEMA_VERSION}",
                "export the model again, or use the matching release of kedja",
            )
        if self.kind != "image":
            raise KedjaError(f"the bundle is of kind {self.kind!r}; this code serves kind 'image'")
        texts = {"name": self.name, "version": self.version, **self.files}
        wrong = [key for key, text in texts.items() if not isinstance(text, str)]
        wrong += [f"classes[{i}]" for i, name in enumerate(self.classes) if not isinstance(name, str)]
        if wrong:
            raise KedjaError(f"{wrong[0]} is not a string")
        if not isinstance(self.tolerance, int | float) or not 0 <= self.tolerance < 1:
            raise KedjaError(f"tolerance={self.tolerance!r} is not a number from 0 to 1")
        if len(self.classes) < 2 or len(set(self.classes)) != len(self.classes):
            raise KedjaError(f"the bundle's {len(self.classes)} class names are fewer than two or not distinct")
        for golden in self.golden:
            if not len(golden.logits) == len(golden.probabilities) == len(self.classes):
                raise KedjaError(f"golden example {golden.file} does not have {len(self.classes)} values")

    def model_file(self, variant: str) -> tuple[str, float]:
        """The file that answers for `variant` (`fp32` is `model.onnx`), and its tolerance.

        Raises:
            KedjaError: the bundle has no such variant.
        """
        if variant == FP32:
            return MODEL, self.tolerance
        if variant not in self.variants:
            raise KedjaError(
                f"the bundle has no variant {variant!r} (it has {', '.join([FP32, *self.variants])})",
                f"export it with `just export {variant}=true`",
            )
        return self.variants[variant].file, self.variants[variant].tolerance

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def load(bundle: Path) -> Metadata:
    """Read and check `bundle/metadata.json` (not the other files: see `integrity.verify`).

    Raises:
        KedjaError: no bundle there, or a field missing, unknown or of the wrong kind.
    """
    path = bundle / METADATA
    if not path.is_file():
        raise KedjaError(f"there is no bundle at {bundle}/ (no {METADATA})", "make one with `just export`")
    value = read_json(path)
    try:
        return _from_json(value)
    except KedjaError as error:
        raise KedjaError(f"{path}: {error.problem}", error.remedy) from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise KedjaError(
            f"{path} is damaged: {type(error).__name__}: {error}", "export again with `just export`"
        ) from None


def save(bundle: Path, metadata: Metadata) -> None:
    """Write `bundle/metadata.json` atomically."""
    write_json(bundle / METADATA, metadata.to_json())


def _from_json(value: Mapping[str, Any]) -> Metadata:
    known = {f.name for f in fields(Metadata)}
    unknown = sorted(set(value) - known)
    if unknown:
        raise KedjaError(f"unknown fields {', '.join(unknown)}", "use the matching release of kedja")
    return Metadata(
        **{
            **value,
            "input": ImageSpec.from_json(value["input"]),
            "golden": [Golden(**golden) for golden in value["golden"]],
            "variants": {name: Variant(**variant) for name, variant in value.get("variants", {}).items()},
        }
    )
