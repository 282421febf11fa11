"""Texts as counts of n-grams of their tokens, and of the characters inside each token."""

from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from kedja.baselines.representation import Front
from kedja.bundle.inputs.input import Feed, Input
from kedja.bundle.inputs.text.spec import IDS, TextInput
from kedja.data.prepared import PreparedDataset

TOKEN_ORDERS, CHARACTER_ORDERS = (1, 2), (3, 4, 5)


class Counted:
    """Token ids; the pipeline's first step counts."""

    kind: ClassVar[str] = "text"
    recorded: ClassVar[dict[str, Any]] = {"tokens": list(TOKEN_ORDERS), "characters": list(CHARACTER_ORDERS)}

    def settings(self, dataset: PreparedDataset) -> dict[str, Any]:
        from kedja.baselines.texts.ngrams import spelling

        expected = cast(TextInput, dataset.input)
        return {"spelling": spelling(expected.pieces()), "padding": expected.padding}

    def examples(self, dataset: PreparedDataset, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.features(dataset.read(positions))

    def features(self, feed: Feed) -> NDArray[np.int64]:
        ids: NDArray[np.int64] = feed[IDS]
        return ids

    def front(self, pipeline: Any, expected: Input) -> Front:
        from sklearn.pipeline import Pipeline

        from kedja.baselines.texts.ngrams_graph import counts_graph, width

        (_, counting), *following = pipeline.steps
        return Front(counts_graph(counting), width(counting), Pipeline(following))
