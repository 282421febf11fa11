"""Predictions of files without a server."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.explanation import Explanation
from kedja.bundle.inputs.input import Example, Feed, Input, InputError
from kedja.bundle.known import Answers
from kedja.bundle.metadata import Metadata
from kedja.common.errors import KedjaError
from kedja.common.files import write_bytes


class Predicts(Protocol):
    """A loaded model: `kedja.serving.predictor.Predictor`, or TorchScript behind the same face."""

    metadata: Metadata

    def answer(self, feed: Feed) -> Answers:
        """What `metadata.input` collates → probabilities, and familiarity where the model has it."""

    def knows(self, answers: Answers) -> list[bool] | None:
        """Of each example whether it is like those of the training; None where that cannot be told."""


@dataclass(frozen=True)
class Prediction:
    """What the model says of one file: classes from most to least probable, or why it says nothing.

    Attributes:
        explanation: the file that shows what spoke for the class, where one was asked for.
        known: whether it is like the examples of the training; None where the model cannot tell.
    """

    path: str
    classes: list[str]
    probabilities: list[float]
    error: str | None = None
    known: bool | None = None
    explanation: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        if self.error:
            return f"{self.path}: not decoded: {self.error}"
        ranked = zip(self.classes, self.probabilities, strict=True)
        unlike = " (unlike anything the model learnt from)" if self.known is False else ""
        return (
            f"{self.path}: "
            + ", ".join(f"{name} {probability:.1%}" for name, probability in ranked)
            + unlike
            + (f" → {self.explanation}" if self.explanation else "")
        )


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
        answers = _answers(model, examples) if examples else iter(())
        for path, (_, error) in zip(chunk, decoded, strict=True):
            if error:
                yield Prediction(str(path), [], [], error=error)
            else:
                yield _ranked(path, *next(answers), model.metadata.classes, top)


class Explains(Predicts, Protocol):
    """A loaded model that can say why."""

    def explain(self, example: Example, index: int) -> Explanation | None:
        """What speaks for the class `index`; None for examples without parts."""


def write_explanation(model: Explains, prediction: Prediction, folder: Path) -> Prediction:
    """Write what spoke for the first class of a prediction, as a file into `folder`; the same with that file's name.

    Raises:
        KedjaError: answers of this model cannot be explained.
    """
    expected, classes = model.metadata.input, model.metadata.classes
    example = expected.decode(Path(prediction.path).read_bytes())
    explanation = model.explain(example, classes.index(prediction.classes[0]))
    if explanation is None:
        raise KedjaError(f"answers to {expected.nouns} cannot be explained", "leave explain out")
    suffix, content = expected.drawn(example, explanation, classes)
    # The whole path, so that files of the same name in other folders keep theirs.
    name = re.sub(r"[^\w.-]+", "_", prediction.path).strip("_")
    write_bytes(folder / f"{name}{suffix}", content)
    return replace(prediction, explanation=str(folder / f"{name}{suffix}"))


def _decode(path: Path, expected: Input) -> tuple[Example, str]:
    """The example, or why there is none."""
    try:
        return expected.decode(path.read_bytes()), ""
    except InputError as error:
        return None, error.problem
    except OSError as error:
        return None, f"it cannot be read: {error.strerror}"


def _answers(model: Predicts, examples: list[Example]) -> Iterator[tuple[NDArray[np.float32], bool | None]]:
    """Probabilities of each example, and whether it is known."""
    answers = model.answer(model.metadata.input.collate(examples))
    known: Sequence[bool | None] = model.knows(answers) or [None] * len(examples)
    return zip(answers.probabilities, known, strict=True)


def _ranked(
    path: Path, probabilities: NDArray[np.float32], known: bool | None, classes: list[str], top: int
) -> Prediction:
    best = np.argsort(-probabilities, kind="stable")[:top]
    return Prediction(str(path), [classes[i] for i in best], [float(probabilities[i]) for i in best], known=known)


def _chunks(files: Iterable[Path], size: int) -> Iterator[list[Path]]:
    chunk: list[Path] = []
    for path in files:
        chunk.append(path)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
