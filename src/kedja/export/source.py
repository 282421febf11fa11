"""The run that a bundle is made from: is it finished, and is its bundle already there? No torch."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kedja.bundle.integrity import verify_files
from kedja.bundle.metadata import METADATA, load
from kedja.bundle.reference import REFERENCE
from kedja.common.errors import KedjaError
from kedja.common.files import read_json, sha256

# What training leaves, and what fitting a baseline leaves.
WEIGHTS = ("best.safetensors", "pipeline.skops")


def is_exported(run: Path, destination: Path, variants: Iterable[str] = ()) -> bool:
    """Whether `destination` holds the whole, unchanged bundle of this very run, with these variants at least.

    One of an earlier release, without a reference for drift, is not.
    """
    if not (destination / METADATA).is_file() or not weights_file(run).is_file():
        return False
    try:
        metadata = load(destination)
        verify_files(destination, metadata)
    except KedjaError:
        return False
    if not set(variants) <= set(metadata.variants) or REFERENCE not in metadata.files:
        return False
    return metadata.run == run_name(run) and metadata.weights_sha256 == sha256(weights_file(run))


def weights_file(run: Path) -> Path:
    """What the run has learnt: a network's weights or a fitted pipeline."""
    return next((run / name for name in WEIGHTS if (run / name).is_file()), run / WEIGHTS[0])


def read_summary(run: Path) -> dict[str, Any]:
    """`summary.json` of a finished run.

    Raises:
        KedjaError: there is no such run, or it is unfinished.
    """
    if not run.is_dir():
        raise KedjaError(f"there is no run at {run}", "`just experiments` makes runs; give run=runs/<name>/seed<k>")
    if not (run / "summary.json").is_file():
        raise KedjaError(f"the run {run} is unfinished", "run its training again to continue it, or give another run=…")
    summary: dict[str, Any] = read_json(run / "summary.json")
    return summary


def run_name(run: Path) -> str:
    """`<experiment>-<hash>/seed<k>`, wherever the runs lie."""
    return f"{run.parent.name}/{run.name}"
