"""Confidence intervals of shares and of the area under a curve. Standard library only: an idle stage is quick."""

from math import sqrt
from statistics import NormalDist


def wilson(right: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Bounds of the score interval of `right` of `count` (Wilson 1927, JASA 22(158)).

    It stays inside 0…1 and does not shrink to nothing where every answer is right, as a bootstrap would.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, weight = right / count, z * z / count
    centre = (share + weight / 2) / (1 + weight)
    margin = z * sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    return max(0.0, centre - margin), min(1.0, centre + margin)


def area_interval(area: float, positives: int, negatives: int, level: float = 0.95) -> tuple[float, float]:
    """Bounds of an area under the ROC curve, by Newcombe's fifth method (2006, Statistics in Medicine 25(4)).

    As `wilson` it takes the variance (Hanley and McNeil 1982) at the bound itself, so that 1 is no certainty.
    """
    z, pairs, others = NormalDist().inv_cdf((1 + level) / 2), positives * negatives, (positives + negatives) / 2 - 1

    def is_outside(bound: float) -> bool:
        terms = 1 + others * ((1 - bound) / (2 - bound) + bound / (1 + bound))
        return (area - bound) ** 2 > z * z * bound * (1 - bound) * terms / pairs

    found = []
    for end in (0.0, 1.0):
        outer, inner = end, area
        for _ in range(50):
            middle = (outer + inner) / 2
            outer, inner = (middle, inner) if is_outside(middle) else (outer, middle)
        found.append(inner)
    return found[0], found[1]
