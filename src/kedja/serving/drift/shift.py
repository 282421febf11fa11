"""The distance of two histograms, its significance, and the verdict on it.

The population stability index is the symmetrised Kullback-Leibler divergence of the shares in each bin, with the
customary thresholds 0.1 and 0.25 (Siddiqi, "Credit Risk Scorecards", 2006). Without drift it is not 0 but about
(1/m + 1/n) times a chi-squared variable with one degree of freedom less than there are bins (Yurdakul, "Statistical
Properties of the Population Stability Index", 2018), where m and n are the numbers of images. In numpy: the image of
the service has no room for SciPy, against which the tests hold every figure here.
"""

import math
from dataclasses import dataclass
from enum import IntEnum
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.reference import Counts

MODERATE = 0.1
STRONG = 0.25
# Below it the chi-squared approximation does not hold: five images in each of ten bins.
FEWEST_IMAGES = 50
# A false alarm in a thousand windows, for each of about ten features.
CERTAINTY = 0.999
# Added to every bin: an empty one would make the index infinite.
_PSEUDO_COUNT = 0.5


class Verdict(IntEnum):
    """In rising order of concern."""

    STABLE = 0
    TOO_FEW = 1
    MODERATE = 2
    STRONG = 3

    @property
    def words(self) -> str:
        return ("stable", "not enough images yet", "moderate shift", "strong shift")[self]


@dataclass(frozen=True)
class Shift:
    """A feature as served against the reference.

    Attributes:
        psi: population stability index; 0 where nothing was served.
        by_chance: what `psi` stays below without any drift in 999 of 1,000 windows; infinite where nothing was served.
        distance: Jensen-Shannon distance to base 2, from 0 (the same) to 1 (nothing in common).
        images: how many were served.
    """

    psi: float
    by_chance: float
    distance: float
    images: int

    @property
    def verdict(self) -> Verdict:
        """A shift where chance is no explanation; stable only where a moderate shift would have shown."""
        if self.images < FEWEST_IMAGES:
            return Verdict.TOO_FEW
        if self.psi > max(STRONG, self.by_chance):
            return Verdict.STRONG
        if self.psi > max(MODERATE, self.by_chance):
            return Verdict.MODERATE
        return Verdict.TOO_FEW if self.by_chance > MODERATE else Verdict.STABLE


def compare(reference: Counts, served: Counts) -> Shift:
    """Two histograms, int64 (bins,) each, over the same bins."""
    images = int(served.sum())
    # A bin that is empty on both sides says nothing, and is no degree of freedom.
    used = reference + served > 0
    reference, served = reference[used], served[used]
    if not images or not reference.any():
        return Shift(0.0, math.inf, 0.0, images)
    chance = (1 / int(reference.sum()) + 1 / images) * chi_squared_quantile(len(served) - 1, CERTAINTY)
    return Shift(psi(reference, served), chance, jensen_shannon(reference, served), images)


def psi(reference: Counts, served: Counts) -> float:
    """The population stability index of two histograms, half an image added to every bin."""
    expected, actual = shares(reference + _PSEUDO_COUNT), shares(served + _PSEUDO_COUNT)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def jensen_shannon(reference: Counts, served: Counts) -> float:
    """The Jensen-Shannon distance (Endres and Schindelin 2003) to base 2 of two histograms that are not empty."""
    expected, actual = shares(reference), shares(served)
    middle = (expected + actual) / 2
    divergence = (_relative_entropy(expected, middle) + _relative_entropy(actual, middle)) / 2
    return math.sqrt(max(0.0, divergence))


def chi_squared_quantile(freedom: int, share: float) -> float:
    """By the cube root of Wilson and Hilferty (1931): in the tail used here 3 % too high at the most, never too low."""
    if freedom == 0:
        return 0.0
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + NormalDist().inv_cdf(share) * math.sqrt(spread)) ** 3


def shares(counts: NDArray[np.generic]) -> NDArray[np.float64]:
    """Counts that add up to 1; zeros where there are none."""
    return np.asarray(counts / max(1, counts.sum()), np.float64)


def _relative_entropy(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    held = one > 0
    return float((one[held] * np.log2(one[held] / other[held])).sum())
