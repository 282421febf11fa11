"""The run that a bundle is made from: is it finished, and is its bundle already there? No torch."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kedja.bundle.integrity import verify_files
from kedja.bundle.known import load as load_known
from kedja.bundle.metadata import METADATA, SCHEMA_VERSION, Metadata, load
from kedja.bundle.reference import REFERENCE
from kedja.common.errors import KedjaError
from kedja.common.files import sha256
from kedja.frameworks.registry import find
from kedja.runs.calibration import found_temperature
from kedja.runs.folder import run_name
from kedja.runs.read import read_run


@dataclass(frozen=True)
class Wanted:
    """Attributes:
    false_alarms: the share of known examples that may be called unknown.
    against: names of prepared data sets that the score is measured against too.
    """

    false_alarms: float = 0.05
    against: Sequence[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not 0 < self.false_alarms < 1:
            raise KedjaError(f"false_alarms={self.false_alarms} is no share between 0 and 1", "false_alarms=0.05")

    @property
    def fewest(self) -> int:
        """Validation examples without which no threshold can keep that share."""
        # A share is seldom a binary fraction.
        return math.ceil(1 / self.false_alarms - 1e-9) - 1


def is_exported(
    run: Path, destination: Path, variants: Iterable[str] = (), name: str = "", wanted: Wanted | None = None
) -> bool:
    """Whether `destination` holds the whole, unchanged bundle of this very run, with these variants at least.

    And with this `name`, where one is asked for, and knowing what is unknown as `wanted`.

    One of an earlier release is not: of another schema, without a reference for drift, or with probabilities as
    trained where they would be calibrated now.
    """
    if not (destination / METADATA).is_file():
        return False
    try:
        weights = weights_file(run)
        metadata = load(destination)
        verify_files(destination, metadata)
    except KedjaError:
        return False
    if metadata.schema_version != SCHEMA_VERSION or (name and metadata.name != name):
        return False
    if not set(variants) <= set(metadata.variants) or REFERENCE not in metadata.files:
        return False
    if not weights.is_file() or metadata.run != run_name(run) or metadata.weights_sha256 != sha256(weights):
        return False
    if not _knows(destination, metadata, run, wanted or Wanted()):
        return False
    return metadata.calibrated or found_temperature(read_run(run).predictions()) == 1


def _knows(bundle: Path, metadata: Metadata, run: Path, wanted: Wanted) -> bool:
    known = load_known(bundle, metadata.files)
    if known is None:
        return len(read_run(run).predictions().labels) < wanted.fewest
    measured = {one.name for one in known.against}
    return known.false_alarms == wanted.false_alarms and set(wanted.against) <= measured


def weights_file(run: Path) -> Path:
    """What the run has learnt."""
    return run / find(read_run(run).framework).weights
