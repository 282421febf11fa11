"""Images as baselines see them: pixels, averaged over areas to at most 16 × 16."""

from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from kedja.baselines.pipeline import FEATURE_SIDE, averaging, features
from kedja.baselines.representation import Front
from kedja.bundle.inputs.image.spec import TENSOR, ImageSpec
from kedja.bundle.inputs.input import Feed, Input
from kedja.data.prepared import PreparedDataset

_AVERAGE = 'Einsum <equation = "ay,nyxc,bx->nabc"> (rows, scaled, columns)'
_PIXELS = """pixels (uint8[n, {height}, {width}, {channels}] image) => (double[n, {features}] x) {{
  exact = Cast <to = 11> (image)
  scaled = Div (exact, white)
  averaged = {average}
  x = Flatten (averaged)
}}"""


class Pixels:
    """`kedja.baselines.pipeline.features`."""

    kind: ClassVar[str] = "image"
    recorded: ClassVar[dict[str, Any]] = {"side": FEATURE_SIDE, "dtype": "float64"}

    def settings(self, dataset: PreparedDataset) -> dict[str, Any]:
        return {}

    def examples(self, dataset: PreparedDataset, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        # One after the other to save memory.
        return np.concatenate([features(dataset.pixels(np.array([position]))) for position in positions])

    def features(self, feed: Feed) -> NDArray[np.float64]:
        return features(feed[TENSOR])

    def front(self, pipeline: Any, expected: Input) -> Front:
        from kedja.baselines.onnx_graph import Constants, parse

        spec = cast(ImageSpec, expected)
        constants: Constants = {"white": np.array(255.0)}
        height, width, average = spec.height, spec.width, "Identity (scaled)"
        if max(height, width) > FEATURE_SIDE:
            rows, columns = averaging(height, width)
            constants |= {"rows": rows, "columns": columns}
            height, width, average = len(rows), len(columns), _AVERAGE
        count = height * width * spec.channels
        text = _PIXELS.format(
            height=spec.height, width=spec.width, channels=spec.channels, features=count, average=average
        )
        return Front(parse(text, constants), count, pipeline)
