"""What only a run's graph tells: what is unknown to it, and what spoke for its most confident mistakes."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from kedja.bundle.explanation import ACTIVATIONS, explain
from kedja.bundle.inputs.input import Feed
from kedja.bundle.metadata import MODEL
from kedja.data.prepared import PreparedDataset
from kedja.experiments.analysis.evaluation import Mistake
from kedja.frameworks import known
from kedja.frameworks.graphs import surgery
from kedja.frameworks.graphs.head import split_head
from kedja.frameworks.registry import find
from kedja.runs.read import Run

# As `just export` has it by default.
FALSE_ALARMS = 0.05
_FEWEST_VALIDATION_EXAMPLES = 19


def graph_facts(run: Run, dataset: PreparedDataset, mistakes: Sequence[Mistake]) -> dict[str, Any]:
    """`known`, as the bundle's `known.json` has it, and `why`, id of a mistake → what spoke for the wrong class.

    Both are None where the run has kept no weights.
    """
    framework = find(run.framework)
    if not (run.directory / framework.weights).is_file():
        return {"known": None, "why": None}
    with TemporaryDirectory() as folder:
        framework.write(run.directory, Path(folder))
        path = Path(folder) / MODEL
        return {"why": _why(path, dataset, mistakes), "known": _known(path, dataset)}


def _known(path: Path, dataset: PreparedDataset) -> dict[str, Any] | None:
    if len(dataset.split("val")) < _FEWEST_VALIDATION_EXAMPLES:
        return None
    found = known.measure(path, dataset, known.strangers(dataset), FALSE_ALARMS)
    against = [asdict(one) for one in found.against]
    return {"score": found.score.words, "false_alarms": FALSE_ALARMS, "threshold": found.threshold, "against": against}


def _why(path: Path, dataset: PreparedDataset, mistakes: Sequence[Mistake]) -> dict[str, list[Any]]:
    model = onnx.load(str(path))
    head = split_head(model)
    run_head = None if head is None else partial(_only, surgery.outputs(head, "logits"))
    outputs = {name: surgery.outputs(model, name) for name in (["logits", ACTIVATIONS] if head else ["logits"])}

    def run(name: str, feed: Feed) -> NDArray[Any]:
        return outputs[name](feed)[0]

    places = {name: place for place, name in enumerate(dataset.ids)}
    found = {}
    for mistake in mistakes:
        example = dataset.input.decode(dataset.encoded(places[mistake.id]))
        explanation = explain(dataset.input, run, run_head, example, dataset.classes.index(mistake.predicted))
        if explanation is not None:
            found[mistake.id] = np.round(explanation.weights, 4).tolist()
    return found


def _only(outputs: surgery.Outputs, activations: NDArray[Any]) -> NDArray[Any]:
    return outputs({ACTIVATIONS: activations})[0]
