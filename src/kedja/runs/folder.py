"""A run's folder: the names of its files, whether it is finished, and what its summary says."""

import os
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError
from kedja.common.files import read_json

CONFIG = "config.json"
PROVENANCE = "provenance.json"
METRICS = "metrics.jsonl"
DIAGNOSIS = "diagnosis.jsonl"
CHECKPOINT = "last.ckpt"
BEST = "best.safetensors"
VALIDATION = "validation.npz"
SUMMARY = "summary.json"


def is_first_process() -> bool:
    """Whether this process speaks for the run: always, but under `torchrun`, where only the first one does."""
    return os.environ.get("RANK", "0") == "0"


def is_finished(directory: Path) -> bool:
    """Whether the run has its summary, which is written last."""
    return (directory / SUMMARY).is_file()


def read_summary(directory: Path) -> dict[str, Any]:
    """`summary.json` of a finished run.

    Raises:
        KedjaError: the run is unfinished.
    """
    if not is_finished(directory):
        raise KedjaError(f"{directory} holds no finished run", "run its training again to continue it")
    summary: dict[str, Any] = read_json(directory / SUMMARY)
    return summary
