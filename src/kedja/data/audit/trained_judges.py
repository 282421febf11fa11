"""Finished runs as judges of labels: what they answered on the images that they validated on and never learnt from.

A run judges its validation split; those of a cross-validation judge every image but the test split's.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kedja.common.errors import KedjaError
from kedja.common.npz import read_arrays
from kedja.data.audit.finding import plural
from kedja.data.audit.judgement import Judgement
from kedja.data.prepared import PreparedDataset
from kedja.runs.folder import VALIDATION

# Networks are surer of themselves than neighbours' votes: measured, see docs/LOG.md.
MOST_FOR_GIVEN, LEAST_FOR_OTHER = 0.05, 0.7
GONE = -1


def judge(data: PreparedDataset, folders: Sequence[Path]) -> Judgement:
    """The runs' mean probabilities, and whether all runs that judged an image name the same class.

    Args:
        folders: of runs, or above them: `runs/<experiment>-<hash>/seed0`, `runs/<experiment>-<hash>`, `runs`.

    Raises:
        KedjaError: no finished run there, or one of another data set.
    """
    files = sorted({file for folder in folders for file in folder.rglob(VALIDATION)})
    if not files:
        raise KedjaError(
            f"{', '.join(map(str, folders))} holds no finished run (no {VALIDATION})",
            "name the folder of one, for example judges=runs/default-3f2a91c0/seed0",
        )
    position_of = {name: position for position, name in enumerate(data.ids)}
    sums = np.zeros((len(data), len(data.classes)))
    number = np.zeros(len(data), np.int64)
    answers = []
    for file in files:
        positions, probabilities = _read(file, data, position_of)
        sums[positions] += probabilities
        number[positions] += 1
        answers.append((positions, probabilities.argmax(axis=1)))
    likely = sums.argmax(axis=1)
    agreed = np.ones(len(data), np.bool_)
    for positions, named in answers:
        agreed[positions] &= named == likely[positions]
    seen = np.flatnonzero(number)
    mean = sums[seen] / number[seen, None]
    judges = plural(len(files), "run") + " that never saw them"
    better = "runs that are right more often judge better"
    return Judgement(seen, mean, agreed[seen], MOST_FOR_GIVEN, LEAST_FOR_OTHER, judges, better)


def _read(
    file: Path, data: PreparedDataset, position_of: dict[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions (n,) in the data set, and probabilities (n, classes); images that left the data set are passed over."""
    from scipy.special import softmax

    remedy = "remove the run's folder and run it again"
    ids, labels, logits = read_arrays(file, "ids", "labels", "logits", remedy=remedy)
    found = np.array([position_of.get(name, GONE) for name in ids.tolist()], np.int64)
    known = found != GONE
    positions = found[known]
    same = (data.labels[positions] == labels[known]).mean() if len(positions) else 0.0
    # Labels that were corrected since differ; those of another data set, or of classes in another order, nearly all do.
    if logits.shape[1] != len(data.classes) or same < 0.5:
        raise KedjaError(f"{file.parent} is a run on other data than {data.name}", "name runs on this data set")
    return positions, softmax(logits[known].astype(np.float64), axis=1)
