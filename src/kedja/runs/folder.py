"""A run's folder: the names of its files, and whether it is finished."""

import json
import os
from pathlib import Path

CONFIG = "config.json"
PROVENANCE = "provenance.json"
METRICS = "metrics.jsonl"
DIAGNOSIS = "diagnosis.jsonl"
CHECKPOINT = "last.ckpt"
BEST = "best.safetensors"
VALIDATION = "validation.npz"
TEST = "test.json"
CALIBRATION = "calibration.json"
SUMMARY = "summary.json"


def answers_file(split: str) -> str:
    """The file with the answers on ``validation`` or ``test``."""
    return f"{split}.npz"


def evaluation_file(split: str) -> str:
    """The file with the complete evaluation on ``validation`` or ``test``."""
    return f"evaluation-{split}.json"


def run_name(directory: Path) -> str:
    """`<experiment>-<hash>/seed<k>`, wherever the runs lie."""
    return f"{directory.parent.name}/{directory.name}"


def hash_in(directory: Path) -> str:
    """The configuration's hash, from the name of the run's folder."""
    return directory.parent.name.rpartition("-")[2]


def is_first_process() -> bool:
    """Whether this process speaks for the run: always, but under `torchrun`, where only the first one does."""
    return os.environ.get("RANK", "0") == "0"


def is_finished(directory: Path) -> bool:
    """Whether the run has its summary, which is written last; one that a power cut left empty or in part is none."""
    try:
        return isinstance(json.loads((directory / SUMMARY).read_bytes()), dict)
    except (OSError, ValueError):
        return False
