"""One run, from its configuration to its summary."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from kedja.bundle.errors import KedjaError
from kedja.bundle.files import write_bytes, write_json
from kedja.data.prepared import PreparedDataset, load
from kedja.training.checkpoint import save_weights
from kedja.training.models.registry import build
from kedja.training.predict import predict, score
from kedja.training.progress import progress
from kedja.training.provenance import describe
from kedja.training.run import (
    BEST,
    PROVENANCE,
    SCHEMA_VERSION,
    SUMMARY,
    VALIDATION,
    config_hash,
    data_folder,
    run_directory,
    write_config,
)
from kedja.training.schema import TrainConfig, flat
from kedja.training.seeding import seed_everything, set_threads
from kedja.training.trainer import Trainer


def train(config: TrainConfig, say: Callable[[str], None] = print) -> Path:
    """Train, or continue, the run of `config`; returns its folder.

    Raises:
        KedjaError: what the user can cause: data, device, settings, a loss that is not finite.
    """
    directory = run_directory(config)
    data = load(data_folder(config))
    threads = set_threads(config.threads, data.spec.height * data.spec.width)
    fabric = Fabric(accelerator=available_device(config.device), devices=1)
    seed_everything(config.seed)
    classifier = build(config.model, len(data.classes), data.spec, data.mean, data.std)
    write_config(directory, config)
    write_json(directory / PROVENANCE, describe(data, fabric.device, threads))
    trainer = Trainer(fabric, classifier, data, config, directory)
    parameters = sum(p.numel() for p in classifier.parameters())
    say(f"{directory}: {config.model.name}, {parameters:,} parameters, {fabric.device}, {threads} thread(s)")
    trainer.fit(progress(trainer.steps, config.epochs))
    _finish(trainer, data, parameters)
    return directory


def available_device(wanted: str) -> str:
    """`wanted` if it is there; ``auto`` takes a GPU before the CPU.

    Raises:
        KedjaError: the device is not there.
    """
    available = [
        name
        for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()))
        if there
    ] + ["cpu"]
    if wanted == "auto":
        return available[0]
    if wanted not in available:
        raise KedjaError(f"device={wanted} is not available here", f"available: {', '.join(available)}")
    return wanted


def _finish(trainer: Trainer, data: PreparedDataset, parameters: int) -> None:
    """The files of a finished run, its summary last."""
    config, position, directory = trainer.config, trainer.position, trainer.directory
    save_weights(directory / BEST, trainer.best_weights)
    trainer.classifier.load_state_dict(trainer.best_weights)
    logits = predict(trainer.classifier, trainer.val_set, trainer.fabric.device)
    write_bytes(directory / VALIDATION, _npz(trainer.val_set.ids, trainer.val_set.labels, logits))
    best = position.history[position.best_epoch - 1]
    seconds = position.seconds
    images = len(trainer.train_set) * position.epoch
    summary: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": "training",
        "experiment": config.experiment,
        "config_hash": config_hash(config),
        "seed": config.seed,
        "model": config.model.name,
        "parameters": parameters,
        "epochs": position.epoch,
        "best_epoch": position.best_epoch,
        "validation": score(logits, trainer.val_set.labels),
        "train": {"accuracy": best["train_accuracy"], "loss": best["train_loss"]},
        "wall_seconds": seconds,
        "images_per_second": images / seconds,
        "data": {"name": data.name, "hash": data.hash},
        "hyperparameters": flat(config),
    }
    write_json(directory / SUMMARY, summary)


def _npz(ids: list[str], labels: Tensor, logits: Tensor) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, ids=np.asarray(ids, np.str_), labels=labels.cpu().numpy(), logits=logits.cpu().numpy())
    return buffer.getvalue()
