"""Do the exported files answer as the trained model does, from encoded examples, in every batch size?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kedja.bundle.inputs.input import Feed, length, take
from kedja.common.errors import KedjaError
from kedja.frameworks.framework import Runner

# One, even, odd, and more than a usual serving batch: frozen or folded batch dimensions show up here.
BATCH_SIZES = (1, 2, 7, 64)


@dataclass(frozen=True)
class Parity:
    """The largest differences that were seen, over all batch sizes."""

    logits: float
    probabilities: float


def check_parity(
    reference: Runner, candidates: Mapping[str, Runner], feed: Feed, tolerance: float
) -> dict[str, Parity]:
    """Compare each candidate with `reference` on logits, probabilities and top-1.

    Args:
        reference: the trained model; a feed → (logits, probabilities) float32 (N, classes).
        candidates: name → exported model, called the same way.
        feed: examples decoded from their files.
        tolerance: largest allowed difference of a probability, and of a logit relative to the
            largest logit of the reference.

    Raises:
        KedjaError: names the file, the batch size and the difference.
    """
    return {
        name: _worst([_compare(reference, runner, name, first(feed, size), tolerance) for size in BATCH_SIZES])
        for name, runner in candidates.items()
    }


def first(feed: Feed, size: int) -> Feed:
    """The first `size` examples, from the start again where there are fewer."""
    return take(feed, np.arange(size) % length(feed))


def _compare(reference: Runner, runner: Runner, name: str, batch: Feed, tolerance: float) -> Parity:
    expected_logits, expected = reference(batch)
    logits, probabilities = runner(batch)
    if logits.shape != expected_logits.shape or probabilities.shape != expected.shape:
        raise _mismatch(name, batch, f"shapes {logits.shape} and {probabilities.shape}, not {expected.shape}")
    parity = Parity(float(np.abs(logits - expected_logits).max()), float(np.abs(probabilities - expected).max()))
    scale = max(1.0, float(np.abs(expected_logits).max()))
    if not (parity.logits <= tolerance * scale and parity.probabilities <= tolerance):
        raise _mismatch(name, batch, f"logits off by {parity.logits:.2g}, probabilities by {parity.probabilities:.2g}")
    # A tie within the tolerance may fall either way; anything else is a different answer.
    margin = np.sort(expected, axis=1)
    clear = margin[:, -1] - margin[:, -2] > 2 * tolerance
    if (probabilities.argmax(1) != expected.argmax(1))[clear].any():
        raise _mismatch(name, batch, "another top-1 class")
    return parity


def _mismatch(name: str, batch: Feed, what: str) -> KedjaError:
    return KedjaError(
        f"{name} does not answer as the trained model does: {what} (batch of {length(batch)})",
        "no bundle was written; a part of the model exports wrongly: try another model or report it",
    )


def _worst(parities: Sequence[Parity]) -> Parity:
    return Parity(max(p.logits for p in parities), max(p.probabilities for p in parities))
