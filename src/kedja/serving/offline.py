"""Predictions of files without a server."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Example, Feed, Input, InputError
from kedja.bundle.metadata import Metadata
from kedja.common.errors import KedjaError


class Predicts(Protocol):
    """A loaded model: `kedja.serving.predictor.Predictor`, or TorchScript behind the same face."""

    metadata: Metadata

    def predict(self, feed: Feed) -> NDArray[np.float32]:
        """What `metadata.input` collates → probabilities float32 (N, classes)."""


@dataclass(frozen=True)
class Prediction:
    """What the model says of one file: classes from most to least probable, or why it says nothing."""

    path: str
    classes: list[str]
    probabilities: list[float]
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        if self.error:
            return f"{self.path}: not decoded: {self.error}"
        ranked = zip(self.classes, self.probabilities, strict=True)
        return f"{self.path}: " + ", ".join(f"{name} {probability:.1%}" for name, probability in ranked)


def find_files(path: Path, expected: Input) -> list[Path]:
    """`path` itself, or every file below it that has a suffix of such examples and is not hidden, sorted.

    Raises:
        KedjaError: there is nothing there.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise KedjaError(f"{path} does not exist (looked at {path.absolute()})", "give image=<file or folder>")
    files = sorted(
        found
        for found in path.rglob("*")
        if found.suffix.lower() in expected.suffixes
        and not any(part.startswith(".") for part in found.relative_to(path).parts)
        and found.is_file()
    )
    if not files:
        known = f"known suffixes: {' '.join(sorted(expected.suffixes))}"
        raise KedjaError(f"there is no {expected.noun} below {path}/", known)
    return files


def predict_files(model: Predicts, files: Iterable[Path], top: int = 3, batch_size: int = 64) -> Iterator[Prediction]:
    """One `Prediction` a file, in order; a file that cannot be decoded carries its error."""
    for chunk in _chunks(files, batch_size):
        decoded = [_decode(path, model.metadata.input) for path in chunk]
        examples = [example for example, error in decoded if not error]
        answers = iter(model.predict(model.metadata.input.collate(examples))) if examples else iter(())
        for path, (_, error) in zip(chunk, decoded, strict=True):
            if error:
                yield Prediction(str(path), [], [], error=error)
            else:
                yield _ranked(path, next(answers), model.metadata.classes, top)


def _decode(path: Path, expected: Input) -> tuple[Example, str]:
    """The example, or why there is none."""
    try:
        return expected.decode(path.read_bytes()), ""
    except InputError as error:
        return None, error.problem
    except OSError as error:
        return None, f"it cannot be read: {error.strerror}"


def _ranked(path: Path, probabilities: NDArray[np.float32], classes: list[str], top: int) -> Prediction:
    best = np.argsort(-probabilities, kind="stable")[:top]
    return Prediction(str(path), [classes[i] for i in best], [float(probabilities[i]) for i in best])


def _chunks(files: Iterable[Path], size: int) -> Iterator[list[Path]]:
    chunk: list[Path] = []
    for path in files:
        chunk.append(path)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
