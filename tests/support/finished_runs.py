"""Finished runs as training leaves them, made from chosen mistakes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kedja.data.prepared import PreparedDataset, load
from kedja.frameworks.registry import find
from kedja.runs.folder import METRICS, TEST
from kedja.runs.read import Run
from kedja.runs.write import write_answers, write_config, write_summary


@pytest.fixture
def digits(workplace: Path) -> PreparedDataset:
    return load(workplace / "data" / "digits")


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """`make_run("small", seed=0, wrong=[3, 7])` writes a finished run into `tmp_path/runs` and returns its folder.

    With `dataset` its answers are on that data set's validation images, else on 200 made-up ones of 4 classes.
    """

    def make(
        experiment: str,
        *,
        seed: int = 0,
        wrong: list[int] | None = None,
        images: int = 200,
        dataset: PreparedDataset | None = None,
        framework: str = "torch",
        data: str = "shapes",
        data_hash: str = "d0",
        config_hash: str = "00000000",
        epochs: int = 5,
        wall_seconds: float = 10.0,
        parameters: int = 1000,
        hyperparameters: dict | None = None,
        subset: dict | None = None,
    ) -> Path:
        folder = tmp_path / "runs" / f"{experiment}-{config_hash}" / f"seed{seed}"
        folder.mkdir(parents=True)
        if dataset is None:
            ids, labels, classes = [f"image-{i:04d}" for i in range(images)], np.arange(images) % 4, 4
        else:
            data, data_hash = dataset.name, dataset.hash
            ids, labels, classes = *answers_of(dataset, "val"), len(dataset.classes)
        accuracy = invent_answers(folder, "validation", ids, labels, classes, wrong or [], seed)
        loss = float(1.0 - accuracy + 0.01)
        if find(framework).has_learning_curve:
            lines = [metrics_line(epoch, epochs, accuracy) for epoch in range(1, epochs + 1)]
            (folder / METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines))
        write_config(folder, {})
        write_summary(
            Run(
                directory=folder,
                framework=framework,
                experiment=experiment,
                config_hash=config_hash,
                seed=seed,
                model=experiment,
                parameters=parameters,
                epochs=epochs,
                best_epoch=epochs,
                validation={"accuracy": accuracy, "loss": loss},
                train={"accuracy": min(1.0, accuracy + 0.01), "loss": loss / 2},
                wall_seconds=wall_seconds,
                images_per_second=1000.0,
                data={"name": data, "hash": data_hash},
                hyperparameters=hyperparameters or {"model.name": experiment, "optim.lr": 0.1, "epochs": epochs},
                subset=subset,
            )
        )
        return folder

    return make


@pytest.fixture
def make_folds(make_run: Callable[..., Path]) -> Callable[..., list[Path]]:
    """`make_folds("small", wrong=[3, 4, 5])` writes as many finished folds as there are numbers of mistakes."""

    def make(experiment: str, wrong: list[int], folds: int = 5, **options: object) -> list[Path]:
        made = []
        for fold, mistakes in enumerate(wrong):
            mark = f"{experiment[:4]:0<4}{folds:02}{fold:02}"
            part = {"folds": folds, "fold": fold, "fraction": 1.0, "family": f"{experiment[:4]:0<8}"}
            run = make_run(experiment, wrong=list(range(mistakes)), config_hash=mark, subset=part, **options)
            made.append(run)
        return made

    return make


@pytest.fixture
def finish_test(digits: PreparedDataset) -> Callable[..., None]:
    """`finish_test(run, wrong=[3])` puts the final figures into a run, as `select.test_figures` does."""

    def finish(run: Path, wrong: list[int]) -> None:
        ids, labels = answers_of(digits, "test")
        accuracy = invent_answers(run, "test", ids, labels, 10, wrong, 0)
        interval = {"value": accuracy, "low": accuracy - 0.01, "high": 1.0}
        figures = {"split": "test", "images": len(ids), "accuracy": interval, "loss": 0.1}
        (run / TEST).write_text(json.dumps(figures))

    return finish


def answers_of(dataset: PreparedDataset, split: str) -> tuple[list[str], np.ndarray]:
    chosen = dataset.split(split)
    return [dataset.ids[i] for i in chosen], dataset.labels[chosen]


def invent_answers(
    run: Path, split: str, ids: list[str], labels: np.ndarray, classes: int, wrong: list[int], seed: int
) -> float:
    answers = labels.copy()
    answers[wrong] = (answers[wrong] + 1) % classes
    noise = np.random.default_rng(seed).normal(0, 0.1, (len(labels), classes))
    write_answers(run, split, ids, labels, (4 * np.eye(classes)[answers] + noise).astype(np.float32))
    return float((answers == labels).mean())


def metrics_line(epoch: int, epochs: int, accuracy: float) -> dict[str, float]:
    reached = accuracy * (1 - 0.5 ** (8 * epoch / epochs))
    return {
        "epoch": epoch,
        "step": 10 * epoch,
        "train_loss": 1.1 - reached,
        "train_accuracy": reached,
        "val_loss": 1.05 - reached,
        "val_accuracy": reached,
        "learning_rate": 0.1,
        "images_per_second": 1000.0,
        "seconds": 1.0,
    }
