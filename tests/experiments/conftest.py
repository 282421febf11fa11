"""Finished runs as training leaves them, made from chosen accuracies."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """`make_run("small", seed=0, wrong=[3, 7])` writes a finished run into `tmp_path/runs` and returns its folder."""

    def make(
        experiment: str,
        *,
        seed: int = 0,
        wrong: list[int] | None = None,
        images: int = 200,
        classes: int = 4,
        kind: str = "training",
        data: str = "shapes",
        data_hash: str = "d0",
        config_hash: str = "00000000",
        epochs: int = 5,
        wall_seconds: float = 10.0,
        parameters: int = 1000,
        hyperparameters: dict | None = None,
    ) -> Path:
        folder = tmp_path / "runs" / f"{experiment}-{config_hash}" / f"seed{seed}"
        folder.mkdir(parents=True)
        generator = np.random.default_rng(seed)
        labels = np.arange(images) % classes
        answers = labels.copy()
        answers[wrong or []] = (answers[wrong or []] + 1) % classes
        logits = (4 * np.eye(classes)[answers] + generator.normal(0, 0.1, (images, classes))).astype(np.float32)
        ids = np.array([f"image-{i:04d}" for i in range(images)])
        np.savez(folder / "validation.npz", ids=ids, labels=labels, logits=logits)
        accuracy = float((answers == labels).mean())
        loss = float(1.0 - accuracy + 0.01)
        if kind == "training":
            lines = [metrics_line(epoch, epochs, accuracy) for epoch in range(1, epochs + 1)]
            (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "config.json").write_text("{}")
        summary = {
            "schema_version": 1,
            "kind": kind,
            "experiment": experiment,
            "config_hash": config_hash,
            "seed": seed,
            "model": experiment,
            "parameters": parameters,
            "epochs": epochs,
            "best_epoch": epochs,
            "validation": {"accuracy": accuracy, "loss": loss},
            "train": {"accuracy": min(1.0, accuracy + 0.01), "loss": loss / 2},
            "wall_seconds": wall_seconds,
            "images_per_second": 1000.0,
            "data": {"name": data, "hash": data_hash},
            "hyperparameters": hyperparameters or {"model.name": experiment, "optim.lr": 0.1, "epochs": epochs},
        }
        (folder / "summary.json").write_text(json.dumps(summary))
        return folder

    return make


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
