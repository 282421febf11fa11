"""Rows as table models see them: float64 (N, numbers + codes), NaN and negative codes as they are stored."""

from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from kedja.baselines.representation import Front
from kedja.bundle.inputs.input import Feed, Input
from kedja.bundle.inputs.table.spec import TableInput
from kedja.data.prepared import PreparedDataset


class Rows:
    """Numbers first, then codes."""

    kind: ClassVar[str] = "table"
    recorded: ClassVar[dict[str, Any]] = {"columns": "numbers, then codes", "dtype": "float64"}

    def settings(self, dataset: PreparedDataset) -> dict[str, Any]:
        return {"numbers": len(cast(TableInput, dataset.input).numeric)}

    def examples(self, dataset: PreparedDataset, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.features(dataset.read(positions))

    def features(self, feed: Feed) -> NDArray[np.float64]:
        return np.concatenate([array.astype(np.float64) for array in feed.values()], axis=1)

    def front(self, pipeline: Any, expected: Input) -> Front:
        from kedja.baselines.tables import graphs

        return graphs.front(pipeline, cast(TableInput, expected))
