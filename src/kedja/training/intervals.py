"""How sure a share of right answers is. No torch."""

from scipy.stats import binomtest


def wilson(right: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Bounds of the score interval of `right` of `count` (Wilson 1927, JASA 22(158)).

    It stays inside 0…1 and does not shrink to nothing where every answer is right, as a bootstrap would.
    """
    interval = binomtest(right, count).proportion_ci(level, "wilson")
    return float(interval.low), float(interval.high)
