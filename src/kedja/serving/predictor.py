"""A verified bundle, ready to predict."""

import mimetypes
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle import integrity, known, reference
from kedja.bundle.explanation import ACTIVATIONS, HEAD, Explanation, explain
from kedja.bundle.inputs.input import Example, Feed, Input
from kedja.bundle.known import FAMILIARITY, Answers
from kedja.bundle.metadata import FP32, MODEL, MODEL_CARD, Metadata, load
from kedja.common.errors import KedjaError
from kedja.serving.providers import CPU, open_session

# The rest are called as in numpy.
_ONNX_NAMES = {"float32": "float", "float64": "double", "str": "string"}


@dataclass(frozen=True)
class Sample:
    """An example of the bundle, as a file, with the name of its class."""

    data: bytes
    media_type: str
    label: str


class Predictor:
    """The model of a bundle; constructing it verifies every file and every golden example.

    Args:
        bundle: the folder that `just export` wrote.
        threads: threads inside one call of the model. Calls from several threads run side by side, each in its
            caller's thread where this is 1.
        variant: which of the bundle's models answers, `fp32` or a name of its `variants`.
        engine: who computes, one of `kedja.serving.providers.ENGINES`.

    Raises:
        KedjaError: the bundle is missing, damaged, or answers differently from the training framework.
    """

    def __init__(self, bundle: Path, threads: int = 1, variant: str = FP32, engine: str = CPU) -> None:
        self.metadata: Metadata = load(bundle)
        integrity.verify_files(bundle, self.metadata)
        file, tolerance = self.metadata.model_file(variant)
        if file not in self.metadata.files:
            raise KedjaError(f"the bundle {bundle}/ names no {file}", "export again with `just export`")
        self._session = open_session(bundle / file, threads, engine)
        _check_signature(self._session, bundle, self.metadata.input)
        self.golden_difference = integrity.verify_golden(bundle, self.metadata, self.predict, tolerance)
        self.known = known.load(bundle, self.metadata.files)
        self._threshold = self.known.threshold_of(variant) if self.known else 0.0
        if self.known:
            if FAMILIARITY not in {value.name for value in self._session.get_outputs()}:
                raise KedjaError(f"{bundle / file} has no output `{FAMILIARITY}`", "export again with `just export`")
            if variant == FP32:
                known.verify(bundle, self.metadata, self.known, partial(self._run, FAMILIARITY))
        # Of `model.onnx` alone: what a variant computes on the way is called otherwise.
        self._head = open_session(bundle / HEAD, 1) if variant == FP32 and HEAD in self.metadata.files else None
        self.reference = reference.load(bundle, self.metadata.files, len(self.metadata.classes))
        # Kept in memory: the folder may be replaced by the next export while this one still serves.
        self.samples = [
            Sample((bundle / golden.file).read_bytes(), _media_type(golden.file), self.metadata.classes[golden.label])
            for golden in self.metadata.golden
        ]
        self.model_card = _model_card(bundle) if MODEL_CARD in self.metadata.files else ""

    def predict(self, feed: Feed) -> NDArray[np.float32]:
        """What `metadata.input` collates → probabilities float32 (N, classes). Safe to call from many threads."""
        return self._run("probabilities", feed)

    def answer(self, feed: Feed) -> Answers:
        """`predict` with the familiarity beside it, in the same call of the model. As safe."""
        if self.known is None:
            return Answers(self.predict(feed))
        return Answers(*self._session.run(["probabilities", FAMILIARITY], feed))

    def knows(self, answers: Answers) -> list[bool] | None:
        """Of each example whether it is like those that the model learnt from; None where the bundle cannot tell."""
        return None if answers.familiarity is None else (answers.familiarity >= self._threshold).tolist()

    def explain(self, example: Example, index: int) -> Explanation | None:
        """What speaks for the class `index`; None for examples without parts. Costs up to dozens of predictions."""
        head = None if self._head is None else self._run_head
        return explain(self.metadata.input, self._run, head, example, index)

    def _run(self, output: str, feed: Feed, session: Any = None) -> NDArray[np.float32]:
        (found,) = (session or self._session).run([output], feed)
        answer: NDArray[np.float32] = found
        return answer

    def _run_head(self, activations: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._run("logits", {ACTIVATIONS: activations}, self._head)


def _model_card(bundle: Path) -> str:
    try:
        return (bundle / MODEL_CARD).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise KedjaError(f"{bundle / MODEL_CARD} is not UTF-8: {error}", "export again with `just export`") from None


def _check_signature(session: Any, bundle: Path, expected: Input) -> None:
    inputs = [(value.name, value.type) for value in session.get_inputs()]
    outputs = {value.name for value in session.get_outputs()}
    if (
        inputs != [(tensor.name, _onnx_type(tensor.dtype)) for tensor in expected.tensors]
        or "probabilities" not in outputs
    ):
        wanted = ", ".join(f"{tensor.dtype} `{tensor.name}`" for tensor in expected.tensors)
        raise KedjaError(
            f"{bundle / MODEL} takes {inputs} and gives {sorted(outputs)}, not {wanted} and `probabilities`",
            "export again with `just export`",
        )


def _onnx_type(dtype: str) -> str:
    """ONNX Runtime's name for a tensor of numpy's `dtype`."""
    return f"tensor({_ONNX_NAMES.get(dtype, dtype)})"


def _media_type(name: str) -> str:
    return mimetypes.types_map.get(Path(name).suffix.lower(), "application/octet-stream")
