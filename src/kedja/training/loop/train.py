"""One run, from its configuration to its summary."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch

from kedja.common.errors import KedjaError
from kedja.data.prepared import PreparedDataset, load
from kedja.data.splits.subset import take
from kedja.runs.folder import BEST, CHECKPOINT, PROVENANCE, hash_in
from kedja.runs.provenance import describe
from kedja.runs.read import Run, read_provenance
from kedja.runs.scores import score
from kedja.runs.write import write_answers, write_config, write_provenance, write_summary
from kedja.training.config.run_folder import data_folder, family, run_directory, subset
from kedja.training.config.schema import TrainConfig, flat
from kedja.training.kinds import taken
from kedja.training.loop.checkpoint import save_weights
from kedja.training.loop.determinism import no_fixed_order
from kedja.training.loop.devices import precision_of
from kedja.training.loop.learner import Learner
from kedja.training.loop.setup import set_up
from kedja.training.loop.sharding import whole
from kedja.training.loop.trainer import Trainer
from kedja.training.models.predict import predict
from kedja.training.optim.registry import OPTIMIZERS
from kedja.training.probe.fit import fit_probe


def train(config: TrainConfig, say: Callable[[str], None] = print) -> Path:
    """`fit` the run of `config` where it belongs; returns its folder."""
    directory = run_directory(config)
    fit(config, load(data_folder(config)), directory, say)
    return directory


def fit(config: TrainConfig, data: PreparedDataset, directory: Path, say: Callable[[str], None] = print) -> None:
    """Train, or continue, the run of `config` in `directory`. Under `torchrun`, one process of several.

    Args:
        data: the whole data set, of which the run sees what its configuration says.

    Raises:
        KedjaError: what the user can cause: data, device, settings, too little memory, a loss that is not finite.
    """
    data = take(data, subset(config))
    try:
        with torch.autograd.set_detect_anomaly(config.anomaly):
            trainer = make_trainer(config, data, directory, say)
            if OPTIMIZERS[config.optim.name].solves:
                fit_probe(trainer)
            else:
                trainer.fit()
            _finish(trainer)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise out_of_memory(config, error) from None
    except RuntimeError as error:
        if refused := no_fixed_order(error):
            raise refused from None
        raise
    trainer.fabric.barrier()


def make_trainer(
    config: TrainConfig, data: PreparedDataset, directory: Path, say: Callable[[str], None] = print
) -> Trainer:
    """Everything a run needs, its configuration and provenance written; not started yet."""
    begun = (directory / CHECKPOINT).is_file()
    setup = set_up(config, data, say, precision=_precision(config, directory), begun=begun)
    learner, fabric, threads = setup.learner, setup.learner.fabric, setup.threads
    if fabric.is_global_zero:
        device, precision, parameters = str(fabric.device), precision_of(fabric), _parameters(learner)
        write_config(directory, dataclasses.asdict(config))
        accelerator = torch.cuda.get_device_name(fabric.device) if fabric.device.type == "cuda" else None
        facts = describe("torch", data.facts, device, threads, precision, accelerator=accelerator)
        facts["hardware"]["deterministic"] = config.deterministic or fabric.device.type == "cpu"
        write_provenance(directory, facts | {"weights": setup.origin})
        shared = ", one network shared out" if learner.sharded else ""
        workers = "" if fabric.world_size == 1 else f" × {fabric.world_size} processes{shared}"
        where = f"{device}{workers}, {precision}, {threads} thread(s)"
        say(f"{directory}: {config.model.name}, {parameters:,} parameters, {where}")
    return Trainer(learner, setup.train_set, taken(data.kind).split(data, "val", fabric.device), directory)


def _precision(config: TrainConfig, directory: Path) -> str:
    """As configured; a run that was begun goes on in its own, even where ``auto`` now means another."""
    if not all((directory / name).is_file() for name in (CHECKPOINT, PROVENANCE)):
        return config.precision
    begun = read_provenance(directory)["hardware"]
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
    """The files of a finished run, its summary last; all processes answer, and the first one writes."""
    directory, fabric = trainer.directory, trainer.fabric
    classifier, data = trainer.learner.classifier, trainer.train_set.data
    classifier.load_state_dict(trainer.best_weights)
    logits = predict(classifier, trainer.val_set, rank=fabric.global_rank, world=fabric.world_size)
    weights = whole(trainer.best_weights)
    if not fabric.is_global_zero:
        return
    save_weights(directory / BEST, weights)
    answers, labels = logits.cpu().numpy(), trainer.val_set.labels.cpu().numpy()
    write_answers(directory, "validation", trainer.val_set.ids, labels, answers)
    write_summary(_summary(trainer, data, score(answers, labels)))


def _summary(trainer: Trainer, data: PreparedDataset, validation: dict[str, float]) -> Run:
    config, position = trainer.config, trainer.position
    best = position.history[position.best_epoch - 1]
    part = subset(config)
    return Run(
        directory=trainer.directory,
        framework="torch",
        experiment=config.experiment,
        config_hash=hash_in(trainer.directory),
        seed=config.seed,
        model=config.model.name,
        parameters=_parameters(trainer.learner),
        epochs=position.epoch,
        best_epoch=position.best_epoch,
        validation=validation,
        train={"accuracy": best["train_accuracy"], "loss": best["train_loss"]},
        wall_seconds=position.seconds,
        images_per_second=len(trainer.train_set) * position.epoch / position.seconds,
        data={"name": data.name, "hash": data.hash},
        hyperparameters=flat(config),
        energy={"joules": position.joules, "unreadable": trainer.meter.unreadable if trainer.meter else {}},
        subset=None if part.whole else part.summary(family(config)),
    )


def _parameters(learner: Learner) -> int:
    return sum(p.numel() for p in learner.classifier.parameters())
