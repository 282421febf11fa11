"""Find labels that contradict what models answer on examples they never saw.

As in confident learning (C. Northcutt, L. Jiang, I. Chuang: Confident Learning, JAIR 70, 2021) labels are judged by
out-of-sample predictions; but several judges have to agree in place of that work's thresholds for each class, which
find fewer (docs/LOG.md).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kedja.data.audit.finding import Finding, plural
from kedja.data.prepared import PreparedDataset

# Below this a model errs more often than people who label do.
TRUSTED_ACCURACY = 0.9


@dataclass(frozen=True)
class Judgement:
    """Attributes:
    positions: of the n examples that were judged.
    probabilities: of the classes (n, classes).
    agreed: bool (n,), whether all judges of an example name the most probable class.
    most_for_given, least_for_other: how probable the label and another class must be for the label to be doubted.
    judges: who they are, for people: ``two cheap models``.
    better: what finds better ones, where they are not good enough.
    """

    positions: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    agreed: NDArray[np.bool_]
    most_for_given: float
    least_for_other: float
    judges: str
    better: str


def label_errors(data: PreparedDataset, judgement: Judgement) -> list[Finding]:
    """A finding with the suspicious examples, the worst first; a note where the judges are not good enough."""
    given, likely = data.labels[judgement.positions], judgement.probabilities.argmax(axis=1)
    accuracy = float((likely == given).mean())
    if accuracy < TRUSTED_ACCURACY:
        return [not_judged(f"{judgement.judges}, right in {accuracy:.0%} only, cannot judge them", judgement.better)]
    suspicious = _suspicious(judgement, given, likely)
    if not len(suspicious):
        return []
    captions = [
        f"labelled {data.classes[given[row]]}, looks like {data.classes[likely[row]]}" for row in suspicious.tolist()
    ]
    title = (
        f"{plural(len(suspicious), data.input.noun)} of {len(given):,} with a likely label error "
        f"({judgement.judges}, right in {accuracy:.1%})"
    )
    groups = [[int(judgement.positions[row])] for row in suspicious]
    return [Finding("label-error", "warning", title, "look at each; correct the label or remove it", groups, captions)]


def not_judged(why: str, remedy: str = "") -> Finding:
    """A note that nobody looked."""
    return Finding("label-errors-not-judged", "note", f"label errors were not looked for: {why}", remedy)


def _suspicious(judgement: Judgement, given: NDArray[np.int64], likely: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows whose label no judge believes, the least believed first."""
    rows = np.arange(len(given))
    for_given, for_other = judgement.probabilities[rows, given], judgement.probabilities[rows, likely]
    doubted = (for_given < judgement.most_for_given) & (for_other > judgement.least_for_other)
    found = np.flatnonzero(doubted & (likely != given) & judgement.agreed)
    return found[np.argsort(for_given[found], kind="stable")]
