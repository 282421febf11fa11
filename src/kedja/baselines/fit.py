"""One baseline, fitted and written as a run: fit on train, selected on val, the same files as a network's run."""

import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.baselines import pipeline as model
from kedja.baselines import registry
from kedja.baselines.registry import Baseline, Choice, configuration, configuration_hash, directory, find
from kedja.baselines.representation import Representation
from kedja.common.cpus import available
from kedja.data.prepared import PreparedDataset
from kedja.data.splits.subset import WHOLE, Subset, take
from kedja.runs.provenance import describe
from kedja.runs.read import Run
from kedja.runs.scores import score
from kedja.runs.write import write_answers, write_config, write_provenance, write_summary

NO_SETTINGS: Mapping[str, Any] = MappingProxyType({})
# A class of which a share would leave fewer images is not thinned.
RARE = 5
PACKAGES = ("scikit-learn", "numpy", "scipy", "skl2onnx")


@dataclass(frozen=True)
class Examples:
    """`x` (N, …) features, `y` int64 (N,) labels."""

    x: NDArray[Any]
    y: NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """The best point of a grid: its pipeline, and what it says of the validation split."""

    pipeline: Any
    point: dict[str, Any]
    logits: NDArray[np.float32]
    train: dict[str, float]
    validation: dict[str, float]


def run(name: str, dataset: PreparedDataset, seed: int, runs: Path, subset: Subset = WHOLE) -> Path:
    """Search the grid of baseline `name`, write the run below `runs`, and return its folder."""
    folder = directory(runs, name, dataset.name, dataset.hash, seed, subset=subset)
    fit(Choice(name, seed, subset), dataset, folder)
    return folder


def fit(choice: Choice, dataset: PreparedDataset, folder: Path) -> None:
    """Search the grid of a baseline and write the run into `folder`."""
    since = time.perf_counter()
    name, baseline = choice.name, find(choice.name)
    part = take(dataset, choice.subset)
    train, validation = training_indices(part, baseline.limit), part.split("val")
    classes = len(dataset.classes)
    represented = baseline.representation
    on_train, on_validation = (_examples(represented, part, positions) for positions in (train, validation))
    fitted = search(baseline, choice.seed, classes, on_train, on_validation, settings=represented.settings(part))
    seconds = time.perf_counter() - since
    config = configuration(name, dataset.name, dataset.hash, choice.subset)
    whole = configuration_hash(configuration(name, dataset.name, dataset.hash))
    write_config(folder, {**config, "seed": choice.seed, "chosen": fitted.point})
    threads = int(os.environ.get("OMP_NUM_THREADS") or available())
    write_provenance(folder, describe("sklearn", dataset.facts, "cpu", threads, packages=PACKAGES))
    model.save(fitted.pipeline, folder)
    write_answers(folder, "validation", [part.ids[i] for i in validation], part.labels[validation], fitted.logits)
    write_summary(
        Run(
            directory=folder,
            framework="sklearn",
            experiment=f"{registry.PREFIX}{name}",
            config_hash=configuration_hash(config),
            seed=choice.seed,
            model=name,
            parameters=count_parameters(fitted.pipeline),
            epochs=0,
            best_epoch=0,
            validation=fitted.validation,
            train=fitted.train,
            wall_seconds=seconds,
            images_per_second=len(train) * len(baseline.points()) / seconds,
            data=config["data"],
            hyperparameters=fitted.point,
            subset=choice.subset.summary(whole),
        )
    )


def reason_to_skip(choice: Choice, dataset: PreparedDataset) -> str:
    """Why there are too few training images for it; empty where there are enough."""
    part = take(dataset, choice.subset)
    return registry.reason_to_skip(choice.name, part.labels[part.split("train")], part.classes)


def search(
    baseline: Baseline,
    seed: int,
    classes: int,
    train: Examples,
    validation: Examples,
    *,
    settings: Mapping[str, Any] = NO_SETTINGS,
) -> Fitted:
    """Fit every point of the grid on the training split; the best on the validation split wins (then its loss).

    Args:
        settings: what building needs of the data set.
    """
    best: Fitted | None = None
    for point in baseline.points():
        pipeline = baseline.build(seed=seed, **settings, **point)
        with warnings.catch_warnings():
            # A point of the grid that has not converged loses on the validation split; no news for the user.
            warnings.simplefilter("ignore")
            pipeline.fit(train.x, train.y)
        logits, on_train = (model.logits(pipeline, split.x, classes) for split in (validation, train))
        result = Fitted(pipeline, point, logits, score(on_train, train.y), score(logits, validation.y))
        if best is None or _rank(result) < _rank(best):
            best = result
    assert best is not None, "a grid has at least one point"
    return best


def training_indices(dataset: PreparedDataset, limit: int | None) -> NDArray[np.int64]:
    """The training split, or `limit` images of it, the same share of every class; rare ones stay whole."""
    indices: NDArray[np.int64] = dataset.split("train")
    if limit is None or len(indices) <= limit:
        return indices
    from sklearn.model_selection import train_test_split

    counts = np.bincount(dataset.labels[indices])
    rare = counts[dataset.labels[indices]] * limit < RARE * len(indices)
    common = indices[~rare]
    size = limit - int(rare.sum())
    kept, _ = train_test_split(common, train_size=size, stratify=dataset.labels[common], random_state=0)
    return np.sort(np.concatenate([np.asarray(kept, np.int64), indices[rare]]))


def count_parameters(pipeline: Any) -> int:
    """Numbers that fitting found: entries of learnt arrays, nodes of trees."""
    return sum(_learnt(step) for _, step in pipeline.steps)


def _learnt(estimator: Any) -> int:
    if hasattr(estimator, "trees_"):
        return 2 * len(estimator.trees_["feature"])
    if hasattr(estimator, "estimators_"):
        return sum(2 * tree.tree_.node_count for tree in estimator.estimators_)
    if hasattr(estimator, "calibrated_classifiers_"):
        return sum(_learnt(one.estimator) + 2 * len(one.calibrators) for one in estimator.calibrated_classifiers_)
    names = ("mean_", "scale_", "components_", "coef_", "intercept_", "support_vectors_", "dual_coef_", "idf_")
    # An SVC with an RBF kernel has no coef_ and says so with an exception.
    return sum(np.size(getattr(estimator, name)) for name in names if name in vars(estimator))


def _examples(represented: Representation, dataset: PreparedDataset, indices: NDArray[np.int64]) -> Examples:
    return Examples(represented.examples(dataset, indices), dataset.labels[indices])


def _rank(fitted: Fitted) -> tuple[float, float]:
    return -fitted.validation["accuracy"], fitted.validation["loss"]
