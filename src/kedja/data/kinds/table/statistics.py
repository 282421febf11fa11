"""What the training split says of the columns: quantiles of numbers, and which categories it lacks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed
from kedja.bundle.inputs.table.spec import CODES, NUMBERS, TableInput

# So many parts of equally many rows; a value that fills several is one quantile.
PARTS = 32


def quantiles(arrays: Feed, expected: TableInput, training: NDArray[np.bool_]) -> list[list[float]]:
    """Of each column of numbers, ascending and without repetition, of training rows that have one; may be empty."""
    found = []
    for place in range(len(expected.numeric)):
        values = arrays[NUMBERS][:, place][training]
        known = values[~np.isnan(values)]
        cuts = np.quantile(known, np.linspace(0, 1, PARTS + 1), method="inverted_cdf") if len(known) else known
        found.append(np.unique(cuts).tolist())
    return found


def untrained(arrays: Feed, expected: TableInput, training: NDArray[np.bool_]) -> dict[str, dict[str, Any]]:
    """Column → category that no training row has → how many other rows have it."""
    found = {}
    for place, column in enumerate(expected.coded):
        codes = arrays[CODES][:, place]
        size = len(column.categories)
        seen = np.bincount(codes[training & (codes >= 0)], minlength=size)
        others = np.bincount(codes[~training & (codes >= 0)], minlength=size)
        lacking = np.flatnonzero((seen == 0) & (others > 0))
        if len(lacking):
            found[column.name] = {column.categories[code]: int(others[code]) for code in lacking}
    return found
