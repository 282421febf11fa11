"""`known.json` of a bundle that is being made: the score in its graphs, the threshold, and how well it tells."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

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
    if len(dataset.split("val")) < wanted.fewest:
        few = len(dataset.split("val"))
        say(f"{few} validation examples are too few to say when an example is unknown: answers do not")
        return None
    others = known.strangers(dataset, [load(DATA / name) for name in wanted.against])
    measured = known.measure(folder / MODEL, dataset, others, wanted.false_alarms)
    scores, least = measured.scores, measured.threshold
    of_variants = {
        name: known.apply(measured.score, folder / one.file, dataset, wanted.false_alarms)[2]
        for name, one in variants.items()
    }
    found = Known(
        score=measured.score.words,
        threshold=least,
        false_alarms=wanted.false_alarms,
        examples=len(scores),
        golden=[float(value) for value in measured.familiarity(golden)],
        tolerance=_TOLERANCE * float(scores.std()) + 1e-4 * float(np.abs(scores).max()),
        against=measured.against,
        variants=of_variants,
    )
    save(folder, found)
    say(
        f"unknown is what scores below {least:.4g}: {wanted.false_alarms:.0%} of what is known, by the validation split"
    )
    for one in found.against:
        say(f"  {one.refused:.0%} of {one.examples} {one.name} (area under the ROC curve {one.auroc:.3f})")
    return measured.familiarity
