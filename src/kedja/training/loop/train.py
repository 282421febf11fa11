"""One run, from its configuration to its summary."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kedja.common.allocator import keep_freed_memory
from kedja.common.errors import KedjaError
from kedja.common.files import read_json, write_bytes, write_json
from kedja.data.prepared import PreparedDataset
from kedja.runs.folder import BEST, CHECKPOINT, PROVENANCE, SUMMARY, VALIDATION
from kedja.runs.provenance import describe
from kedja.training.batches.dataset import ImageDataset
from kedja.training.config.run_folder import (
    SCHEMA_VERSION,
    config_hash,
    family,
    load_data,
    run_directory,
    subset,
    write_config,
)
from kedja.training.config.schema import SOLVER, TrainConfig, flat
from kedja.training.loop.checkpoint import save_weights
from kedja.training.loop.devices import make_fabric, precision_of
from kedja.training.loop.learner import Learner
from kedja.training.loop.progress import progress
from kedja.training.loop.seeding import seed_everything, set_threads
from kedja.training.loop.trainer import Trainer
from kedja.training.models.initial_weights import initialise
from kedja.training.models.predict import predict, score
from kedja.training.models.registry import build
from kedja.training.models.whitening import fit_whitening
from kedja.training.probe.fit import check_solvable, fit_probe, start_solved


def train(config: TrainConfig, say: Callable[[str], None] = print) -> Path:
    """Train, or continue, the run of `config`; returns its folder. Under `torchrun`, one process of several.

    Raises:
        KedjaError: what the user can cause: data, device, settings, too little memory, a loss that is not finite.
    """
    directory = run_directory(config)
    try:
        with torch.autograd.set_detect_anomaly(config.anomaly):
            trainer = make_trainer(config, directory, say)
            shown = progress(trainer.steps, config.epochs, quiet=not trainer.fabric.is_global_zero)
            if config.optim.name == SOLVER:
                fit_probe(trainer, shown)
            else:
                trainer.fit(shown)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise out_of_memory(config, error) from None
    if trainer.fabric.is_global_zero:
        _finish(trainer)
    trainer.fabric.barrier()
    return directory


def make_trainer(config: TrainConfig, directory: Path, say: Callable[[str], None] = print) -> Trainer:
    """Everything a run needs, its configuration and provenance written; not started yet."""
    check_solvable(config)
    data = load_data(config)
    keep_freed_memory()
    threads = set_threads(config.threads, data.spec.height * data.spec.width)
    seed_everything(config.seed)
    classifier = build(config.model, len(data.classes), data.spec, data.mean, data.std)
    fabric = make_fabric(dataclasses.replace(config, precision=_precision(config, directory)), classifier)
    say = say if fabric.is_global_zero else _say_nothing
    precision = precision_of(fabric)
    train_set, val_set = (ImageDataset(data, split, fabric.device) for split in ("train", "val"))
    fit_whitening(classifier, train_set)
    initialise(classifier.body, config.model, say)
    if config.finetune.solve_head and not (directory / CHECKPOINT).is_file():
        start_solved(classifier, data, config)
    if fabric.is_global_zero:
        write_config(directory, config)
        accelerator = torch.cuda.get_device_name(fabric.device) if fabric.device.type == "cuda" else None
        facts = describe(data.facts, str(fabric.device), threads, precision, accelerator=accelerator)
        write_json(directory / PROVENANCE, facts)
    learner = Learner(fabric, classifier, train_set, config)
    parameters = _parameters(learner)
    workers = "" if fabric.world_size == 1 else f" × {fabric.world_size} processes"
    where = f"{fabric.device}{workers}, {precision}, {threads} thread(s)"
    say(f"{directory}: {config.model.name}, {parameters:,} parameters, {where}")
    return Trainer(learner, train_set, val_set, directory)


def _precision(config: TrainConfig, directory: Path) -> str:
    """As configured; a run that was begun goes on in its own, even where ``auto`` now means another."""
    if not all((directory / name).is_file() for name in (CHECKPOINT, PROVENANCE)):
        return config.precision
    begun = read_json(directory / PROVENANCE)["hardware"]
    return str(begun.get("precision", config.precision))


def out_of_memory(config: TrainConfig, error: BaseException) -> KedjaError:
    """What did not fit, and what to change."""
    return KedjaError(
        f"out of memory with model {config.model.name} and batch_size={config.batch_size} "
        f"in {config.accumulate} part(s): {str(error).splitlines()[0] if str(error) else type(error).__name__}",
        f"compute each batch in parts (accumulate={2 * config.accumulate}), recompute activations "
        "(model.recompute=true), or take a smaller batch_size, model.width or model.image_size",
    )


def _finish(trainer: Trainer) -> None:
    """The files of a finished run, its summary last."""
    directory = trainer.directory
    classifier, data = trainer.learner.classifier, trainer.train_set.data
    save_weights(directory / BEST, trainer.best_weights)
    classifier.load_state_dict(trainer.best_weights)
    logits = predict(classifier, trainer.val_set, trainer.fabric.device)
    labels = trainer.val_set.labels.to(logits.device)
    write_bytes(directory / VALIDATION, _npz(trainer.val_set.ids, labels, logits))
    write_json(directory / SUMMARY, _summary(trainer, data, score(logits, labels)))


def _summary(trainer: Trainer, data: PreparedDataset, validation: dict[str, float]) -> dict[str, Any]:
    config, position = trainer.config, trainer.position
    best = position.history[position.best_epoch - 1]
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "training",
        "experiment": config.experiment,
        "config_hash": config_hash(config),
        "seed": config.seed,
        "model": config.model.name,
        "parameters": _parameters(trainer.learner),
        "epochs": position.epoch,
        "best_epoch": position.best_epoch,
        "validation": validation,
        "train": {"accuracy": best["train_accuracy"], "loss": best["train_loss"]},
        "wall_seconds": position.seconds,
        "images_per_second": len(trainer.train_set) * position.epoch / position.seconds,
        "energy": {"joules": position.joules, "unreadable": trainer.meter.unreadable if trainer.meter else {}},
        "data": {"name": data.name, "hash": data.hash},
        "hyperparameters": flat(config),
    } | subset(config).summary(family(config))


def _parameters(learner: Learner) -> int:
    return sum(p.numel() for p in learner.classifier.parameters())


def _npz(ids: list[str], labels: Tensor, logits: Tensor) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, ids=np.asarray(ids, np.str_), labels=labels.cpu().numpy(), logits=logits.cpu().numpy())
    return buffer.getvalue()


def _say_nothing(line: str) -> None:
    """What other processes than the first say."""
