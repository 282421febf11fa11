"""`known.json`: from what score on an example is like those that the model learnt from, and how well that tells.

The score is an output of the graph, so every runtime has it. Below the threshold an answer says `known: false`; the
class and the probabilities stay what they are.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedja.bundle.inputs.input import Feed
from kedja.bundle.integrity import golden_batches
from kedja.bundle.metadata import Metadata
from kedja.bundle.validate import check_types
from kedja.common.errors import KedjaError
from kedja.common.files import read_json, write_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEMA_VERSION = 1
KNOWN = "known.json"
# The graph's output: float32 (N,), the higher the more alike.
FAMILIARITY = "familiarity"


@dataclass(frozen=True)
class Against:
    """How well the score tells examples of the data set from others.

    Attributes:
        name: whose examples the others are.
        examples: how many others.
        auroc, low, high: chance that a validation example scores higher than another, with its 95 % interval.
        refused: share of the others that fall below the threshold.
    """

    name: str
    examples: int
    auroc: float
    low: float
    high: float
    refused: float


@dataclass(frozen=True)
class Known:
    """The content of `known.json`.

    Attributes:
        score: what the output `familiarity` is, in words.
        threshold: an example below it is unknown.
        false_alarms: the share of known examples that is expected below the threshold.
        examples: how many validation examples it was chosen on.
        golden: the score of each golden example, in their order.
        tolerance: largest allowed difference of a golden score.
        against: what it was measured against.
        variants: name of a variant of the model → its own threshold.
    """

    score: str
    threshold: float
    false_alarms: float
    examples: int
    golden: list[float]
    tolerance: float
    against: list[Against]
    variants: dict[str, float]
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise KedjaError(
                f"{KNOWN} has schema version {self.schema_version}, this code reads {SCHEMA_VERSION}",
                "export the model again, or use the matching release of kedja",
            )
        if not 0 < self.false_alarms < 1 or self.tolerance < 0:
            raise KedjaError(f"{KNOWN} has a share of false alarms outside 0…1, or a negative tolerance")

    def threshold_of(self, variant: str) -> float:
        """That of a variant, where it has one of its own."""
        return self.variants.get(variant, self.threshold)

    def facts(self) -> dict[str, Any]:
        """For people and clients: everything but the golden scores."""
        return {key: value for key, value in asdict(self).items() if key not in ("golden", "tolerance")}


@dataclass(frozen=True)
class Answers:
    """What a model gives: probabilities float32 (N, classes), and how like the training each example is, float32 (N,).

    Attributes:
        familiarity: None where the bundle does not say from what score on an example is known.
    """

    probabilities: "NDArray[np.float32]"
    familiarity: "NDArray[np.float32] | None" = None


def save(bundle: Path, known: Known) -> None:
    """Write `known.json` into a bundle, before its files are hashed."""
    write_json(bundle / KNOWN, asdict(known))


def load(bundle: Path, files: Iterable[str]) -> Known | None:
    """What a bundle whose metadata names these files says; None where it says nothing, as those of before.

    Raises:
        KedjaError: it is damaged, or of another version.
    """
    if KNOWN not in files:
        return None
    path = bundle / KNOWN
    value = read_json(path)
    try:
        check_types(value, Known, "known")
        return Known(**{**value, "against": [Against(**entry) for entry in value["against"]]})
    except KedjaError as error:
        raise KedjaError(f"{path}: {error.problem}", error.remedy or "export again with `just export`") from None


def verify(bundle: Path, metadata: Metadata, known: Known, familiarity: "Callable[[Feed], NDArray[Any]]") -> None:
    """The golden examples get the scores that they had at export.

    Args:
        familiarity: what `metadata.input` collates → scores (N,).

    Raises:
        KedjaError: they do not.
    """
    import numpy as np

    scores = np.concatenate([familiarity(feed) for feed in golden_batches(bundle, metadata)])
    expected = np.array(known.golden)
    if scores.shape != expected.shape:
        raise KedjaError(f"{bundle / KNOWN} has {len(expected)} golden scores, the bundle {len(scores)} examples")
    difference = np.abs(scores - expected)
    if not (difference <= known.tolerance).all():
        worst = int(difference.argmax())
        raise KedjaError(
            f"{metadata.golden[worst].file} scores {scores[worst]:.6g}, and scored {expected[worst]:.6g} at the export",
            "export again with `just export`",
        )
