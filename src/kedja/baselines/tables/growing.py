"""Tree models of scikit-learn as estimators that keep their trees as `Trees`: gradient boosting, and a forest."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from kedja.baselines.tables.trees import BITS, LEAF, MOST_CATEGORIES, WORDS, Trees, joined


class TreeModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Rows float64 (N, numbers + codes) → probabilities; a code below zero is missing.

    Attributes:
        numbers: how many columns are numbers; those behind them are codes.
        classes_: int64 (classes,).
        trees_: the arrays of `Trees` by name.
        base_: float64 (outputs,), what the leaves' values are added to.
    """

    numbers: int
    classes_: NDArray[np.int64]
    trees_: dict[str, NDArray[Any]]
    base_: NDArray[np.float64]

    @property
    def trees(self) -> Trees:
        """What was grown."""
        return Trees(**self.trees_)

    def prepared(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the trees compare."""
        x = x.copy()
        codes = x[:, self.numbers :]
        codes[(codes < 0) | (codes >= MOST_CATEGORIES)] = np.nan
        return x

    def predict_proba(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        raw = self.base_ + self.trees.sums(self.prepared(x), len(self.base_))
        return self.linked(raw)

    def linked(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums (N, outputs) → probabilities (N, classes)."""
        raise NotImplementedError

    def check_content(self) -> None:
        """Raises `ValueError` where the trees are damaged."""
        self.trees.check(self.n_features_in_, len(self.base_))

    def _keep(self, trees: Trees, base: NDArray[np.float64], classes: NDArray[np.int64], features: int) -> None:
        self.trees_, self.base_ = asdict(trees), np.asarray(base, np.float64)
        self.classes_, self.n_features_in_ = np.asarray(classes, np.int64), features


class Boosting(TreeModel):
    """scikit-learn's histogram gradient boosting with native categories, the mean of several in raw sums.

    Args:
        rate, rounds, leaves, least, l2: as scikit-learn's `learning_rate`, `max_iter`, `max_leaf_nodes`,
            `min_samples_leaf` and `l2_regularization`.
        columns: share of the columns that each split is chosen from.
        members: how many are grown, each from another seed.
    """

    def __init__(
        self,
        numbers: int,
        *,
        rate: float = 0.1,
        rounds: int = 100,
        leaves: int = 31,
        least: int = 20,
        l2: float = 0.0,
        columns: float = 1.0,
        members: int = 1,
        seed: int = 0,
    ) -> None:
        self.numbers, self.rate, self.rounds, self.leaves, self.least = numbers, rate, rounds, leaves, least
        self.l2, self.columns, self.members, self.seed = l2, columns, members, seed

    def fit(self, x: NDArray[np.float64], y: NDArray[np.int64]) -> "Boosting":
        from sklearn.ensemble import HistGradientBoostingClassifier

        x = self.prepared(x)
        known = _known(x, self.numbers)
        ranked = _ranked(x, known)
        parts, bases = [], []
        for member in range(self.members):
            grown: Any = HistGradientBoostingClassifier(
                learning_rate=self.rate,
                max_iter=self.rounds,
                max_leaf_nodes=self.leaves,
                min_samples_leaf=self.least,
                l2_regularization=self.l2,
                max_features=self.columns,
                max_bins=255,
                categorical_features=[place in known for place in range(x.shape[1])] if known else None,
                early_stopping=False,
                random_state=1000 * self.seed + member,
            ).fit(ranked, y)
            parts.append(_of_boosting(grown, known, x.shape[1]))
            bases.append(np.ravel(grown._baseline_prediction))
        self._keep(joined(parts, 1 / self.members), np.mean(bases, axis=0), grown.classes_, x.shape[1])
        return self

    def linked(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        if raw.shape[1] == 1:
            positive = 1 / (1 + np.exp(-raw))
            return np.concatenate([1 - positive, positive], axis=1)
        exponent = np.exp(raw - raw.max(axis=1, keepdims=True))
        result: NDArray[np.float64] = exponent / exponent.sum(axis=1, keepdims=True)
        return result


class Forest(TreeModel):
    """scikit-learn's random forest; categories are compared by their rank, frequent ones first.

    Args:
        rounds: number of trees.
        least: rows of a leaf at the least.
    """

    def __init__(self, numbers: int, *, rounds: int = 200, least: int = 3, seed: int = 0) -> None:
        self.numbers, self.rounds, self.least, self.seed = numbers, rounds, least, seed

    def prepared(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        # scikit-learn's trees compare float32, whatever they are given.
        return super().prepared(x).astype(np.float32).astype(np.float64)

    def fit(self, x: NDArray[np.float64], y: NDArray[np.int64]) -> "Forest":
        from sklearn.ensemble import RandomForestClassifier

        grown: Any = RandomForestClassifier(
            self.rounds, min_samples_leaf=self.least, random_state=self.seed, n_jobs=1
        ).fit(self.prepared(x), y)
        parts = [
            _of_tree(tree.tree_, output)
            for tree in grown.estimators_
            for output in range(1 if len(grown.classes_) == 2 else len(grown.classes_))
        ]
        outputs = int(max(part.targets.max() for part in parts)) + 1
        self._keep(joined(parts, 1 / self.rounds), np.zeros(outputs), grown.classes_, x.shape[1])
        return self

    def linked(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([1 - raw, raw], axis=1) if raw.shape[1] == 1 else raw


def _known(x: NDArray[np.float64], numbers: int) -> dict[int, NDArray[np.float64]]:
    """Column of codes → those that training rows have, ascending; columns in which none has any are left as numbers."""
    found = {}
    for place in range(numbers, x.shape[1]):
        codes = np.unique(x[:, place][~np.isnan(x[:, place])])
        if len(codes):
            found[place] = codes
    return found


def _ranked(x: NDArray[np.float64], known: dict[int, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Codes as positions among the known ones: scikit-learn numbers them so, and would do it again."""
    x = x.copy()
    for place, codes in known.items():
        present = ~np.isnan(x[:, place])
        x[present, place] = np.searchsorted(codes, x[present, place])
    return x


def _of_boosting(grown: Any, known: dict[int, NDArray[np.float64]], features: int) -> Trees:
    """The predictors of a histogram gradient boosting, whose columns of categories stand before the numbers."""
    order = [*known, *(place for place in range(features) if place not in known)]
    parts = []
    for round_ in grown._predictors:
        for output, predictor in enumerate(round_):
            nodes = predictor.nodes
            leaf = nodes["is_leaf"] == 1
            members = np.zeros((len(nodes), WORDS), np.uint64)
            by_category = ~leaf & (nodes["is_categorical"] == 1)
            feature = np.where(leaf, LEAF, np.array(order)[np.where(leaf, 0, nodes["feature_idx"])])
            for node in np.flatnonzero(by_category):
                bits = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]
                members[node] = _members(bits, known[int(feature[node])], bool(nodes["missing_go_to_left"][node]))
            parts.append(
                Trees(
                    np.zeros(1, np.int64),
                    np.full(1, output),
                    feature.astype(np.int64),
                    nodes["num_threshold"].astype(np.float64),
                    nodes["left"].astype(np.int64),
                    nodes["right"].astype(np.int64),
                    nodes["missing_go_to_left"] == 1,
                    members,
                    by_category,
                    nodes["value"].astype(np.float64),
                )
            )
    return joined(parts)


def _members(bits: NDArray[np.uint32], known: NDArray[np.float64], missing_left: bool) -> NDArray[np.uint64]:
    """Ranks as bits of 32-bit words → codes as bits; a code that training lacks goes where missing ones go."""
    left = np.full(BITS, missing_left)
    ranks = np.unpackbits(np.ascontiguousarray(bits).view(np.uint8), bitorder="little")[: len(known)]
    left[known.astype(np.int64)] = ranks == 1
    return np.packbits(left, bitorder="little").view(np.uint64)


def _of_tree(tree: Any, output: int) -> Trees:
    """A tree of a forest; of two classes the second one's share is its value."""
    nodes = tree.node_count
    leaf = tree.children_left == LEAF
    share = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True)
    return Trees(
        np.zeros(1, np.int64),
        np.full(1, output),
        np.where(leaf, LEAF, tree.feature).astype(np.int64),
        np.where(leaf, 0.0, tree.threshold),
        np.where(leaf, 0, tree.children_left).astype(np.int64),
        np.where(leaf, 0, tree.children_right).astype(np.int64),
        tree.missing_go_to_left.astype(bool) & ~leaf,
        np.zeros((nodes, WORDS), np.uint64),
        np.zeros(nodes, np.bool_),
        np.ascontiguousarray(share[:, 1 if share.shape[1] == 2 else output]),
    )
