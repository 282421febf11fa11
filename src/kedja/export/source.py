"""The run that a bundle is made from: is it finished, and is its bundle already there? No torch."""

from collections.abc import Iterable
from pathlib import Path

from kedja.bundle.integrity import verify_files
from kedja.bundle.metadata import METADATA, SCHEMA_VERSION, load
from kedja.bundle.reference import REFERENCE
from kedja.common.errors import KedjaError
from kedja.common.files import sha256
from kedja.frameworks.registry import find
from kedja.runs.calibration import found_temperature
from kedja.runs.folder import run_name
from kedja.runs.read import read_run


def is_exported(run: Path, destination: Path, variants: Iterable[str] = (), name: str = "") -> bool:
    """Whether `destination` holds the whole, unchanged bundle of this very run, with these variants at least.

    And with this `name`, where one is asked for.

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
    return metadata.calibrated or found_temperature(read_run(run).predictions()) == 1


def weights_file(run: Path) -> Path:
    """What the run has learnt."""
    return run / find(read_run(run).framework).weights
