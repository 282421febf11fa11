"""Photographs that were taken in one go: by when they were taken, by their names, or by how much they look alike.

The same things in the same light on both sides of a split make the validation figure that of a memory: it says
nothing of the photographs that come tomorrow.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

# Seconds between two photographs of one shoot, at the most.
PAUSE = 300
# A class of fewer shoots cannot be in all three splits.
LEAST = 3
# Cosine of two groups' standardised features, on the average of their pairs: nearer ones of one class count as one
# shoot. Chosen so that validation predicts photographs of another day (docs/LOG.md).
ALIKE = 0.4
# As cameras, telephones and messengers write it into names: 20240501_123456, 2024-05-01 12.34.56, … at 12.34.56.
_MOMENT = re.compile(
    r"(?<!\d)(20\d\d)[-_.]?([01]\d)[-_.]?([0-3]\d)[-_ T.]*(?:at )?([0-2]\d)[-_.:h]?([0-5]\d)[-_.:m]?([0-5]\d)"
)
# What programs put behind the name of what is the same photograph, or the next one of the same burst or film.
_SERIES = re.compile(r"(?i)[ _~-]*(?:burst[ _-]?\d+(?:[ _-]cover)?|frame[ _-]?\d+)$")
_COPY = re.compile(r"(?i)[ _~-]*(?:\(\d+\)|~\d+|copy(?: ?\d+)?|edited)$")


def moment(taken: str, name: str) -> float | None:
    """Seconds, from EXIF's "2024:05:01 12:34:56", else from the file's name; None where neither says."""
    found = re.match(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)", taken) or _MOMENT.search(PurePosixPath(name).stem)
    if not found:
        return None
    year, month, day, hour, minute, second = map(int, found.groups())
    try:
        # As of one place: only differences count.
        return (datetime(year, month, day, hour, minute, second) - datetime(2000, 1, 1)).total_seconds()
    except ValueError:  # the 31st of February: digits that mean something else
        return None


def by_record(labels: Sequence[str], names: Sequence[str], taken: Sequence[str]) -> list[str]:
    """A name for the shoot of each photograph, empty where it stands alone or nothing is known.

    Args:
        labels: their classes; one shoot of two classes counts as two.
        taken: when, as EXIF has it; empty where it is not known.
    """
    shoots = [""] * len(names)
    moments = [moment(when, name) for when, name in zip(taken, names, strict=True)]
    known = [position for position, when in enumerate(moments) if when is not None]
    last: dict[str, tuple[float, str]] = {}
    for position in sorted(known, key=lambda position: (moments[position], names[position])):
        label, when = labels[position], moments[position] or 0.0
        before, shoot = last.get(label, (-np.inf, ""))
        shoots[position] = shoot if when - before <= PAUSE else f"shoot of {names[position]}"
        last[label] = when, shoots[position]
    stems = [str(PurePosixPath(name).with_suffix("")) for name in names]
    there = {(label, stem) for label, stem in zip(labels, stems, strict=True)}
    for position, (label, stem) in enumerate(zip(labels, stems, strict=True)):
        series = _SERIES.sub("", stem)
        original = _COPY.sub("", stem)
        if not shoots[position] and series != stem:
            shoots[position] = f"shoot of {label}/{series}"
        elif not shoots[position] and ((label, original) in there and original != stem):
            shoots[position] = f"shoot of {label}/{original}"
    copied = {shoot for shoot in shoots if shoot}
    for position, (label, stem) in enumerate(zip(labels, stems, strict=True)):
        if not shoots[position] and f"shoot of {label}/{stem}" in copied:
            shoots[position] = f"shoot of {label}/{stem}"
    sizes = Counter(shoots)
    return [shoot if sizes[shoot] > 1 else "" for shoot in shoots]


def by_look(labels: NDArray[np.int64], features: NDArray[np.float32]) -> NDArray[np.int64]:
    """Numbers (N,), equal for photographs of one class that look as if taken in one go.

    Average-linkage clustering: single linkage chains most photographs of a class into one.

    Args:
        features: float32 (N, D) of a network that knows photographs.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    values = (features - features.mean(0)) / np.maximum(features.std(0), 1e-6)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)
    result, number = np.zeros(len(labels), np.int64), 0
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        clusters = np.ones(1, np.int64)
        if len(members) > 1:
            clusters = fcluster(linkage(values[members], "average", "cosine"), 1 - ALIKE, "distance")
        result[members] = number + clusters
        number += int(clusters.max())
    return result


def separable(labels: Sequence[str], shoots: Sequence[str]) -> tuple[list[str], list[str]]:
    """The shoots, without those of classes that have too few to be in all splits; and these classes."""
    several: dict[str, set[str]] = defaultdict(set)
    alone: Counter[str] = Counter()
    for label, shoot in zip(labels, shoots, strict=True):
        alone[label] += not shoot
        if shoot:
            several[label].add(shoot)
    few = sorted(label for label, found in several.items() if len(found) + alone[label] < LEAST)
    return [shoot if label not in few else "" for label, shoot in zip(labels, shoots, strict=True)], few
