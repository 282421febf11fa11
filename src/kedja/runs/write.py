"""What a finished run leaves, whatever learnt: configuration, provenance, answers, and last its summary."""

import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.common.files import write_bytes, write_json
from kedja.runs.digests import FILES, digests
from kedja.runs.folder import CONFIG, PROVENANCE, SUMMARY, answers_file
from kedja.runs.read import SCHEMA_VERSION, Run


def write_config(directory: Path, config: Mapping[str, Any]) -> None:
    """`config.json`: the complete resolved configuration, as the framework that reads it back wants it."""
    write_json(directory / CONFIG, dict(config))


def write_provenance(directory: Path, facts: Mapping[str, Any]) -> None:
    """`provenance.json`: what `kedja.runs.provenance.describe` says."""
    write_json(directory / PROVENANCE, dict(facts))


def write_answers(
    directory: Path,
    split: str,
    ids: Sequence[str],
    labels: NDArray[np.int64],
    logits: NDArray[np.float32],
) -> None:
    """`<split>.npz`: what the run says of `validation` or `test`; ids (N,), labels (N,), logits (N, classes)."""
    buffer = io.BytesIO()
    np.savez(buffer, ids=np.asarray(ids, np.str_), labels=labels, logits=logits)
    write_bytes(directory / answers_file(split), buffer.getvalue())


def write_summary(run: Run) -> None:
    """`summary.json`, which makes the run a finished one: to be written last."""
    values = {field.name: getattr(run, field.name) for field in dataclasses.fields(run) if field.name != "directory"}
    if run.subset is None:
        del values["subset"]
    write_json(run.directory / SUMMARY, {"schema_version": SCHEMA_VERSION, **values, FILES: digests(run.directory)})
