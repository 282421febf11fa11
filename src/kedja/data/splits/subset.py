"""Other divisions of a prepared data set: folds for cross-validation, and a share of the training images.

The test split always stays as it is. Nothing is written: a subset is the same data set with other splits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.common.errors import KedjaError
from kedja.data.audit.index import read_index
from kedja.data.prepared import SPLITS, PreparedDataset
from kedja.data.splits import assign as splits
from kedja.data.splits.units import connect, equal_pairs

TRAIN, VAL, TEST = range(len(SPLITS))
NOWHERE = -1


@dataclass(frozen=True)
class Subset:
    """Attributes:
    folds: train and val together are dealt into this many folds; 0 keeps the splits.
    fold: the one that validates, from 0; the others train.
    fraction: share of each class's training images that trains, one image at the least.
    draw: another number draws other images; smaller fractions of a draw are part of its larger ones.
    """

    folds: int = 0
    fold: int = 0
    fraction: float = 1.0
    draw: int = 0

    def __post_init__(self) -> None:
        if self.folds == 1 or self.folds < 0:
            raise KedjaError(f"{self.folds} folds cannot train and validate", "take two or more, for example five")
        if self.fold < 0 or self.fold >= max(self.folds, 1):
            raise KedjaError(f"there is no fold {self.fold} of {self.folds}", "folds are counted from 0")
        if not 0 < self.fraction <= 1:
            raise KedjaError(f"fraction={self.fraction:g} is no share of the images", "for example fraction=0.5")

    @property
    def whole(self) -> bool:
        """Whether it is just the data set."""
        return not self.folds and self.fraction == 1

    def summary(self, family: str) -> dict[str, Any] | None:
        """What the summary of a run says of the part of the data set that it saw; None for the whole.

        Args:
            family: the hash that the same configuration has on the whole data set.
        """
        return None if self.whole else {**{key: getattr(self, key) for key in KEYS}, "family": family}


def of_run(part: Mapping[str, Any] | None, seed: int) -> Subset:
    """The subset that the summary of a run tells of; each seed draws its own share."""
    return Subset(**{key: part[key] for key in KEYS}, draw=seed) if part else WHOLE


WHOLE = Subset()
# The configuration's keys of the same names choose a part of the data set.
KEYS = ("folds", "fold", "fraction")


def take(data: PreparedDataset, subset: Subset) -> PreparedDataset:
    """`data` with the subset's splits; images that are left out are in none.

    Its mean and standard deviation of pixels stay those of the prepared training split.
    """
    divided = _fold(data, subset) if subset.folds else data.splits
    if subset.fraction < 1:
        divided = _thinned(data, divided, subset)
    return replace(data, splits=divided)


def _fold(data: PreparedDataset, subset: Subset) -> NDArray[np.int8]:
    """Stratified; what belongs together stays in one fold; dealt by the seed that the splits were dealt by."""
    pool = np.flatnonzero(data.splits != TEST)
    units = np.unique(_units(data, pool), return_inverse=True)[1].astype(np.int64)
    if units.max(initial=-1) + 1 < subset.folds:
        raise KedjaError(
            f"{data.name} has {units.max(initial=-1) + 1} images for training and validation that differ, "
            f"too few for {subset.folds} folds",
            f"cv={max(2, int(units.max(initial=-1) + 1))} or less",
        )
    seed = _settings(data).get("seed", 0)
    dealt = splits.assign(data.labels[pool], (data.ids[i] for i in pool), units, [1.0] * subset.folds, seed)
    result = data.splits.copy()
    result[pool] = np.where(dealt == subset.fold, VAL, TRAIN)
    return result


def _units(data: PreparedDataset, pool: NDArray[np.int64]) -> NDArray[np.int64]:
    """What the preparation keeps on one side: equal pixels, groups, and near-duplicates where that was asked."""
    index = read_index(data)
    same = index.same[pool]
    pairs = [equal_pairs(same)]
    groups = np.array(index.groups)[pool]
    grouped = np.flatnonzero(groups != "")
    pairs.append(grouped[equal_pairs(groups[grouped])])
    if _settings(data).get("near_duplicates") == "group":
        pairs.append(data.stored.near_pairs(pool))
    return connect(len(pool), np.concatenate(pairs))


def _thinned(data: PreparedDataset, divided: NDArray[np.int8], subset: Subset) -> NDArray[np.int8]:
    result = divided.copy()
    training = np.flatnonzero(divided == TRAIN)
    order = training[splits.hashed_order((data.ids[i] for i in training), len(training), subset.draw)]
    for label in np.unique(data.labels[training]):
        of_class = order[data.labels[order] == label]
        result[of_class[max(1, round(subset.fraction * len(of_class))) :]] = NOWHERE
    return result


def _settings(data: PreparedDataset) -> dict[str, Any]:
    """What the data set was prepared with, where it differs from the defaults."""
    settings: dict[str, Any] = data.description.get("settings", {})
    return settings
