"""Rows as a linear model wants them: numbers in pieces between quantiles, categories one by one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from kedja.bundle.inputs.table.column import MISSING


class Pieces(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Rows float64 (N, numbers + codes) → float64 (N, features), all in 0…1.

    A number becomes, for every piece between two quantiles, how much of it lies below the number (Gorishniy et al.
    2022, "On Embeddings for Numerical Features in Tabular Deep Learning", section 3.2.1), and whether it is missing. Of
    a code there is a feature for every category, and for none.

    Args:
        numbers: how many columns are numbers.
        parts: pieces of equally many training rows, where values do not repeat.
        rare: training rows that a category must have.
    """

    def __init__(self, numbers: int, parts: int = 16, rare: int = 5) -> None:
        self.numbers, self.parts, self.rare = numbers, parts, rare

    def fit(self, x: NDArray[np.float64], y: Any = None) -> "Pieces":
        """Find `places_`, `low_`, `width_` of the pieces, and `columns_`, `codes_` of the categories."""
        places, low, width = [], [], []
        for place in range(self.numbers):
            edges = _edges(x[:, place][~np.isnan(x[:, place])], self.parts)
            places += [place] * max(0, len(edges) - 1)
            low += edges[:-1].tolist()
            width += np.diff(edges).tolist()
        columns, codes = [], []
        for place in range(self.numbers, x.shape[1]):
            found, times = np.unique(x[:, place], return_counts=True)
            often = found[(times >= self.rare) & (found >= MISSING)]
            columns += [place] * len(often)
            codes += often.tolist()
        self.places_, self.low_, self.width_ = np.array(places, np.int64), np.array(low), np.array(width)
        self.columns_, self.codes_ = np.array(columns, np.int64), np.array(codes)
        self.n_features_in_ = x.shape[1]
        return self

    def transform(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        pieces = np.clip((x[:, self.places_] - self.low_) / self.width_, 0, 1)
        pieces[np.isnan(pieces)] = 0
        missing = np.isnan(x[:, : self.numbers]).astype(np.float64)
        chosen = (x[:, self.columns_] == self.codes_).astype(np.float64)
        return np.concatenate([pieces, missing, chosen], axis=1)

    @property
    def width(self) -> int:
        """How many features there are."""
        return len(self.low_) + self.numbers + len(self.codes_)


def _edges(known: NDArray[np.float64], parts: int) -> NDArray[np.float64]:
    """Quantiles of the values, and fewer of the different ones, so that what is rare is told apart, too."""
    if not len(known):
        return known
    shares, few = np.linspace(0, 1, parts + 1), np.linspace(0, 1, parts // 2 + 1)
    of_values = np.quantile(known, shares, method="inverted_cdf")
    return np.unique([*of_values, *np.quantile(np.unique(known), few, method="inverted_cdf")])
