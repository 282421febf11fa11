"""Predictions of image files without a server."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.metadata import Metadata
from kedja.bundle.preprocess import SUFFIXES, preprocess
from kedja.common.errors import KedjaError


class PredictsPixels(Protocol):
    """A loaded model: `kedja.serving.predictor.Predictor`, or TorchScript behind the same face."""

    metadata: Metadata

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Uint8 (N, H, W, C) → probabilities float32 (N, classes)."""


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


def find_images(path: Path) -> list[Path]:
    """`path` itself, or every file with an image suffix below it, sorted.

    Raises:
        KedjaError: there is nothing there.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise KedjaError(f"{path} does not exist", "give image=<file or folder>")
    images = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not images:
        raise KedjaError(f"there is no image below {path}/", f"known suffixes: {' '.join(sorted(SUFFIXES))}")
    return images


def predict_files(
    model: PredictsPixels, files: Iterable[Path], top: int = 3, batch_size: int = 64
) -> Iterator[Prediction]:
    """One `Prediction` a file, in order; a file that cannot be decoded carries its error."""
    for chunk in _chunks(files, batch_size):
        decoded = [_decode(path, model.metadata) for path in chunk]
        pixels = [item for item in decoded if not isinstance(item, str)]
        answers = iter(model.predict(np.stack(pixels))) if pixels else iter(())
        for path, item in zip(chunk, decoded, strict=True):
            if isinstance(item, str):
                yield Prediction(str(path), [], [], error=item)
            else:
                yield _ranked(path, next(answers), model.metadata.classes, top)


def _decode(path: Path, metadata: Metadata) -> NDArray[np.uint8] | str:
    try:
        return preprocess(path.read_bytes(), metadata.input)
    except KedjaError as error:
        return error.problem
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


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
