"""`known.json` of a bundle that is being made: the score in its graphs, the threshold, and how well it tells."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx

from kedja.bundle.inputs.input import Feed
from kedja.bundle.known import Known, save
from kedja.bundle.metadata import MODEL, Variant
from kedja.data.names import DATA
from kedja.data.prepared import PreparedDataset, load
from kedja.export.source import Wanted
from kedja.frameworks import known

# Of the spread of the scores: other processors round otherwise.
_TOLERANCE = 0.01


def write_known(
    folder: Path,
    dataset: PreparedDataset,
    golden: Feed,
    variants: Mapping[str, Variant],
    *,
    wanted: Wanted,
    say: Callable[[str], None],
) -> known.Familiarity | None:
    """Append the score to every graph of the bundle and write `known.json`; returns how `model.onnx` scores.

    Without enough validation examples for the share of false alarms the graphs stay as they are, which is said.
    """
    others = known.strangers(dataset, [load(DATA / name) for name in wanted.against])
    validation = known.spread(dataset.split("val"), known.VALIDATION_EXAMPLES)
    if len(validation) < wanted.fewest:
        say(f"{len(validation)} validation examples are too few to say when an example is unknown: answers do not")
        return None
    score = known.choose_score(onnx.load(str(folder / MODEL)), dataset)
    familiarity = known.add_familiarity(folder / MODEL, score)
    scores = known.scores_of(dataset, validation, familiarity)
    least = known.threshold(scores, wanted.false_alarms)
    found = Known(
        score=score.words,
        threshold=least,
        false_alarms=wanted.false_alarms,
        examples=len(scores),
        golden=[float(value) for value in familiarity(golden)],
        tolerance=_TOLERANCE * float(scores.std()) + 1e-4 * float(np.abs(scores).max()),
        against=known.against(scores, others, dataset, familiarity, least),
        variants={name: _own_threshold(folder / one.file, score, dataset, wanted) for name, one in variants.items()},
    )
    save(folder, found)
    say(
        f"unknown is what scores below {least:.4g}: {wanted.false_alarms:.0%} of what is known, by the validation split"
    )
    for one in found.against:
        say(f"  {one.refused:.0%} of {one.examples} {one.name} (area under the ROC curve {one.auroc:.3f})")
    return familiarity


def _own_threshold(file: Path, score: known.Score, dataset: PreparedDataset, wanted: Wanted) -> float:
    """Of a variant, whose features are not quite those of the model."""
    familiarity = known.add_familiarity(file, score)
    validation = known.spread(dataset.split("val"), known.VALIDATION_EXAMPLES)
    return known.threshold(known.scores_of(dataset, validation, familiarity), wanted.false_alarms)
