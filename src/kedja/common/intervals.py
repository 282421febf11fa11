"""The confidence interval of a proportion. Standard library only: an idle experiment stage is quick."""

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
