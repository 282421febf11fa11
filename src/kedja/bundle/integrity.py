"""Check that a bundle is whole and still answers as the training framework did."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Example, Feed
from kedja.bundle.metadata import METADATA, MOST_BYTES, Metadata
from kedja.common.errors import KedjaError
from kedja.common.files import sha256

Predict = Callable[[Feed], NDArray[np.float32]]

# Golden examples in one call. A runtime keeps the memory of the largest batch it has seen as long as it lives.
TOGETHER = 4
# Suffixes of files that may be as large as they like.
MODELS = (".onnx", ".pt")


def hash_files(bundle: Path) -> dict[str, str]:
    """Path inside the bundle (with `/`) → SHA-256, sorted, without `metadata.json`."""
    files = sorted(p for p in bundle.rglob("*") if p.is_file() and p.name != METADATA)
    return {p.relative_to(bundle).as_posix(): sha256(p) for p in files}


def content_version(metadata: Metadata) -> str:
    """Twelve hexadecimal digits that change when any file of the bundle, or anything else in its metadata, does.

    Schema 1 counted the files alone; its bundles keep the version that they have.
    """
    if metadata.schema_version == 1:
        text = "".join(f"{digest}  {name}\n" for name, digest in sorted(metadata.files.items()))
    else:
        text = json.dumps({**metadata.to_json(), "version": ""}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def seal(metadata: Metadata) -> Metadata:
    """The same, with the version that belongs to it."""
    return replace(metadata, version=content_version(metadata))


def verify_files(bundle: Path, metadata: Metadata) -> None:
    """Every file that the metadata names is there, unchanged.

    Files that it does not name are ignored: they are never read.

    Raises:
        KedjaError: names the missing and the changed files.
    """
    problems = []
    for name, expected in metadata.files.items():
        path = bundle / name
        # `realpath` follows what leads in a circle to where it began; `resolve` fails there.
        if not Path(os.path.realpath(path)).is_relative_to(bundle.resolve()):
            problems.append(f"{name} points outside the bundle")
        elif not path.is_file():
            problems.append(f"{name} is missing")
        elif path.suffix not in MODELS and path.stat().st_size > MOST_BYTES:
            problems.append(f"{name} is larger than {MOST_BYTES:,} bytes")
        elif sha256(path) != expected:
            problems.append(f"{name} has changed since the export")
    if metadata.version != content_version(metadata):
        problems.append("the version does not fit the metadata")
    if problems:
        raise KedjaError(f"the bundle {bundle}/ is damaged: {'; '.join(problems)}", "export again with `just export`")


def golden_examples(bundle: Path, metadata: Metadata) -> list[Example]:
    """The golden examples, decoded from their files."""
    return [metadata.input.decode((bundle / golden.file).read_bytes()) for golden in metadata.golden]


def golden_batches(bundle: Path, metadata: Metadata) -> Iterator[Feed]:
    """The golden examples as the graph takes them, a few at a time."""
    examples = golden_examples(bundle, metadata)
    return (metadata.input.collate(examples[i : i + TOGETHER]) for i in range(0, len(examples), TOGETHER))


def verify_golden(bundle: Path, metadata: Metadata, predict: Predict, tolerance: float | None = None) -> float:
    """The golden examples come out as the training framework said, from their files.

    Args:
        predict: what `metadata.input` collates → probabilities float32 (N, classes).
        tolerance: largest allowed difference; `metadata.tolerance` by default.

    Returns:
        The largest difference of a probability.

    Raises:
        KedjaError: no golden examples, or a difference above the tolerance.
    """
    if not metadata.golden:
        raise KedjaError(f"the bundle {bundle}/ has no golden examples", "export again with `just export`")
    expected = np.array([golden.probabilities for golden in metadata.golden], np.float32)
    answers = np.concatenate([predict(feed) for feed in golden_batches(bundle, metadata)])
    if answers.shape != expected.shape or not np.isfinite(answers).all():
        raise KedjaError(f"the model answers with shape {answers.shape}, not finite {expected.shape}")
    difference = np.abs(answers - expected).max(axis=1)
    worst = int(difference.argmax())
    allowed = metadata.tolerance if tolerance is None else tolerance
    if difference[worst] > allowed:
        raise KedjaError(
            f"what is served is not what was trained: {metadata.golden[worst].file} differs by "
            f"{difference[worst]:.2g} (allowed {allowed:.2g})",
            "export again with `just export`; if it stays, the libraries here differ from those of the export",
        )
    return float(difference[worst])
