"""What a framework is: what it can do, and the three things that the rest of the house asks of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed
from kedja.data.prepared import PreparedDataset
from kedja.runs.scores import softmax

# → logits float32 (N, classes)
Predict = Callable[[Feed], NDArray[np.float32]]
Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]
# → (logits, probabilities), each float32 (N, classes)
Runner = Callable[[Feed], Outputs]


@dataclass(frozen=True)
class Framework:
    """Attributes:
    name: as `summary.json` has it.
    fit: `fit(config, data, folder)` writes the finished run of the framework's own configuration into `folder`,
        with the writers of `kedja.runs.write`.
    load: a finished run → its model as the framework itself runs it, on the CPU.
    write: `write(run, folder)` writes the model's files for serving; their names → how they answer, read back. They
        answer with `logits` as the model gives them, and with `probabilities` at the run's temperature
        (`kedja.runs.calibration.temperature_of`).
    weights: name of the file in the run's folder that holds what was learnt.
    formats: what `write` writes, for people.
    is_baseline: whether its runs are what others have to beat; such a run is compared and never selected.
    has_learning_curve: whether it trains in epochs, with a line of `metrics.jsonl` each.
    robustness: whether the evaluation tries corrupted inputs.
    int8: whether its ONNX file has layers that can be quantised.
    reproduces: whether a run can be done again from its `config.json` by `just reproduce`.
    """

    name: str
    fit: Callable[[Any, PreparedDataset, Path], None]
    load: Callable[[Path], Predict]
    write: Callable[[Path, Path], dict[str, Runner]]
    weights: str
    formats: tuple[str, ...] = ("ONNX",)
    is_baseline: bool = False
    has_learning_curve: bool = False
    robustness: bool = False
    int8: bool = False
    reproduces: bool = False


def answering(predict: Predict, temperature: float = 1.0) -> Runner:
    """`predict` with the probabilities beside its logits, which are divided by `temperature` for them."""

    def run(feed: Feed) -> Outputs:
        logits = predict(feed)
        return logits, softmax(logits.astype(np.float64) / temperature).astype(np.float32)

    return run
