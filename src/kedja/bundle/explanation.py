"""Why a class was named: what the answer loses where a part of the example is hidden (Zeiler and Fergus 2014).

Without gradients, so that any runtime can do it. Where a network keeps the places of an image up to a small head, the
parts are the cells of its last feature map, and only the head is run again: behind a mean over all places and a linear
layer that is the class activation map (Zhou et al. 2016) itself. Else parts of the example are hidden, one after the
other, and the whole graph is run again: that serves every model, of every kind of example that has parts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Example, Feed, Input

# The file with the graph of the head, `ACTIVATIONS` → `logits`, and the output of `model.onnx` that it takes.
HEAD = "head.onnx"
ACTIVATIONS = "activations"
# Runs of the model, or of its head, at once.
_TOGETHER = 16

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """An example with each of its parts hidden in turn.

    Attributes:
        shape: how the parts lie: (rows, columns) of an image, (words,) of a text.
        hidden: as many examples, in that order.
        names: what the parts are called, where they have names.
    """

    shape: tuple[int, ...]
    hidden: Iterator[Any]
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Explanation:
    """What speaks for a class.

    Attributes:
        index: of the class.
        weights: of each part, in the shape of the parts: how much of the class's logit, above the mean of all classes,
            is lost without it; below 0, it spoke against the class.
        names: of the parts, where they have any.
    """

    index: int
    weights: Weights
    names: Sequence[str] = field(default_factory=list)

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """`class`, `weights` (nested as they lie), and `parts` where these have names."""
        found = {"class": classes[self.index], "weights": np.round(self.weights, 5).tolist()}
        return {**found, "parts": list(self.names)} if self.names else found


def of_cells(head: Callable[[NDArray[Any]], NDArray[Any]], activations: NDArray[Any], index: int) -> Explanation:
    """By the cells of a feature map.

    Args:
        head: activations (N, C, H, W) → logits (N, classes).
        activations: of one example, (1, C, H, W).
        index: of the class that is asked about.
    """
    _, _, height, width = activations.shape

    def hidden() -> Iterator[NDArray[Any]]:
        for row in range(height):
            for column in range(width):
                without = activations[0].copy()
                without[:, row, column] = 0
                yield without

    return _explain(lambda some: head(np.stack(some)), activations[0], Parts((height, width), hidden()), index)


def of_parts(logits: Callable[[list[Any]], NDArray[Any]], example: Any, parts: Parts, index: int) -> Explanation:
    """By parts of the example; `logits` answers a list of examples, (N, classes)."""
    return _explain(logits, example, parts, index)


def explain(
    expected: Input,
    run: Callable[[str, Feed], NDArray[Any]],
    head: Callable[[NDArray[Any]], NDArray[Any]] | None,
    example: Example,
    index: int,
) -> Explanation | None:
    """By the cells of the last feature map where the graph has a head of its own, else by parts of the example.

    Args:
        run: the name of an output of the graph, and a feed → that output.
        head: see `of_cells`.

    Returns:
        None for examples without parts.
    """
    if head is not None:
        return of_cells(head, run(ACTIVATIONS, expected.collate([example])), index)
    parts = expected.parts(example)
    if parts is None:
        return None
    return of_parts(lambda some: run("logits", expected.collate(some)), example, parts, index)


def _explain(logits: Callable[[list[Any]], NDArray[Any]], whole: Any, parts: Parts, index: int) -> Explanation:
    waiting, found = [whole], []
    for hidden in parts.hidden:
        waiting.append(hidden)
        if len(waiting) == _TOGETHER:
            found.append(logits(waiting))
            waiting = []
    if waiting:
        found.append(logits(waiting))
    answers = np.concatenate(found).astype(np.float64)
    # What is added to every logit changes no probability, and so no weight.
    stands_out = answers[:, index] - answers.mean(axis=1)
    return Explanation(index, (stands_out[0] - stands_out[1:]).reshape(parts.shape), parts.names)
