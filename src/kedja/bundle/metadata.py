"""`metadata.json`: what a server or another program needs to know about a bundle, and nothing else."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kedja.bundle.inputs import registry
from kedja.bundle.inputs.input import Input
from kedja.bundle.validate import check_metadata, check_types
from kedja.common.errors import KedjaError
from kedja.common.files import read_json, write_json

# Version 1 knew images alone, and its content version covers the files alone; it is read as it is.
SCHEMA_VERSION = 2
READABLE = (1, SCHEMA_VERSION)
# Of a file that is read whole and kept: metadata, samples, model card, histograms, a tokenizer. Models are mapped.
MOST_BYTES = 50_000_000
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
    """An example, as a file, with what the training framework said of it.

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
        agreement: share of the validation examples on which both name the same class.
        images: how many validation examples that was.
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
        version: what `kedja.bundle.integrity.content_version` says of everything else here.
        classes: class names in the order of the outputs.
        input: what an example is, and what is made of it before the graph sees it; `kind` says which kind it is of.
        files: path inside the bundle → SHA-256, for every file but `metadata.json` itself.
        golden: examples that must come out right before the bundle is used.
        tolerance: largest allowed difference of a golden probability.
        variants: name (for example ``int8``) → another file for the same model.
        metrics: name → {"value", "low", "high"} with the bounds of the confidence interval.
        experiment: the complete configuration of the run.
        data_hash, git_commit, run, weights_sha256: where the model came from.
        temperature: the logits divided by it give calibrated confidences (found on the validation split). None where it
            was not found.
        calibrated: whether the graph's own probabilities are at that temperature; else they are as trained.
    """

    name: str
    version: str
    classes: list[str]
    input: Input
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
    calibrated: bool = False
    variants: dict[str, Variant] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        _check_schema(self.schema_version)
        if not 0 <= self.tolerance < 1:
            raise KedjaError(f"tolerance={self.tolerance!r} is not a number from 0 to 1")
        if len(self.classes) < 2 or len(set(self.classes)) != len(self.classes):
            raise KedjaError(f"the bundle's {len(self.classes)} class names are fewer than two or not distinct")

    @property
    def kind(self) -> str:
        """Of the examples, see `kedja.bundle.inputs.registry`."""
        return self.input.kind

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
        return {**asdict(self), "kind": self.kind, "input": self.input.to_json()}


def load(bundle: Path) -> Metadata:
    """Read and check `bundle/metadata.json` (not the other files: see `integrity.verify`).

    Raises:
        KedjaError: no bundle there, or a field missing, unknown or of the wrong kind.
    """
    path = bundle / METADATA
    if not path.is_file():
        raise KedjaError(f"there is no bundle at {bundle}/ (no {METADATA})", "make one with `just export`")
    if path.stat().st_size > MOST_BYTES:
        raise KedjaError(f"{path} is larger than {MOST_BYTES:,} bytes", "export again with `just export`")
    value = read_json(path)
    try:
        return _from_json(value, bundle)
    except KedjaError as error:
        raise KedjaError(f"{path}: {error.problem}", error.remedy or "export again with `just export`") from None


def save(bundle: Path, metadata: Metadata) -> None:
    """Write `bundle/metadata.json` atomically; what `load` would refuse is not written."""
    check_metadata(metadata)
    write_json(bundle / METADATA, metadata.to_json())


def _from_json(value: Mapping[str, Any], bundle: Path) -> Metadata:
    # Another schema may have other fields: say that, not which.
    if isinstance(value, dict) and isinstance(value.get("schema_version"), int):
        _check_schema(value["schema_version"])
    # `kind` says what `input` is, and is no field of its own.
    check_types(value, dict[str, Any])
    plain = {key: entry for key, entry in value.items() if key != "kind"}
    check_types(plain, Metadata)
    check_types(value.get("kind"), str, "kind")
    metadata = Metadata(
        **{
            **plain,
            "input": registry.from_json(value["kind"], value["input"], bundle),
            "golden": [Golden(**golden) for golden in value["golden"]],
            "variants": {name: Variant(**variant) for name, variant in value.get("variants", {}).items()},
        }
    )
    check_metadata(metadata)
    return metadata


def _check_schema(version: int) -> None:
    if version not in READABLE:
        raise KedjaError(
            f"the bundle has schema version {version}, this code reads {SCHEMA_VERSION}",
            "export the model again, or use the matching release of kedja",
        )
