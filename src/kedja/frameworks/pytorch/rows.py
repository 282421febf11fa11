"""The network for rows as a framework. Loads no torch before there is something to do."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed
from kedja.bundle.inputs.table.spec import TableInput
from kedja.bundle.metadata import MODEL
from kedja.common.errors import KedjaError
from kedja.common.files import read_json
from kedja.data.prepared import PreparedDataset
from kedja.data.splits.subset import take
from kedja.frameworks.framework import Framework, Predict, Runner
from kedja.runs.calibration import temperature_of
from kedja.runs.folder import BEST, CONFIG, PROVENANCE, hash_in
from kedja.runs.provenance import describe
from kedja.runs.read import Run, read_input
from kedja.runs.scores import score
from kedja.runs.write import write_answers, write_config, write_provenance, write_summary
from kedja.training.config.run_folder import family, subset
from kedja.training.config.schema import TrainConfig, flat

if TYPE_CHECKING:
    from kedja.training.rows.network import RowNetwork

NAME = "rows-network"


def fit(config: TrainConfig, data: PreparedDataset, folder: Path) -> None:
    """Train, or continue, the run of `config` in `folder`, on the CPU.

    Raises:
        KedjaError: the examples are no rows, or there are none to train on or to validate.
    """
    from kedja.training.loop.checkpoint import save_weights
    from kedja.training.loop.seeding import seed_everything, set_threads
    from kedja.training.rows.loop import RowTrainer, predict

    if data.kind != TableInput.kind:
        raise KedjaError(f"{config.model.name} takes rows of tables, not {data.input.nouns}", "just experiments …")
    part = take(data, subset(config))
    train, val = part.split("train"), part.split("val")
    if not len(train) or not len(val):
        raise KedjaError(f"{data.folder}/ has no rows to train on, or none to validate", "other fractions=")
    threads = set_threads(config.threads, 1)
    seed_everything(config.seed)
    network = _network(config, data.facts)
    write_config(folder, dataclasses.asdict(config))
    write_provenance(folder, describe(NAME, data.facts, "cpu", threads))
    trainer = RowTrainer(network, config, folder, len(data.classes))
    held = data.read(val)
    trainer.fit(data.read(train), data.labels[train], held, data.labels[val])
    save_weights(folder / BEST, trainer.best_weights)
    network.load_state_dict(trainer.best_weights)
    logits, done = predict(network, held), trainer.progress
    write_answers(folder, "validation", [data.ids[i] for i in val], data.labels[val], logits)
    best = done.history[done.best_epoch - 1]
    write_summary(
        Run(
            directory=folder,
            framework=NAME,
            experiment=config.experiment,
            config_hash=hash_in(folder),
            seed=config.seed,
            model=config.model.name,
            parameters=sum(one.numel() for one in network.parameters()),
            epochs=done.epoch,
            best_epoch=done.best_epoch,
            validation=score(logits, data.labels[val]),
            train={"accuracy": best["train_accuracy"], "loss": best["train_loss"]},
            wall_seconds=done.seconds,
            images_per_second=len(train) * done.epoch / done.seconds,
            data={"name": data.name, "hash": data.hash},
            hyperparameters=flat(config),
            subset=None if subset(config).whole else subset(config).summary(family(config)),
        )
    )


def load(run: Path) -> Predict:
    """The network of the best epoch; raises `KedjaError` where the run's files are missing or damaged."""
    from kedja.training.rows.loop import predict

    network = _restored(run)

    def answer(feed: Feed) -> NDArray[np.float32]:
        return predict(network, feed)

    return answer


def write(run: Path, folder: Path) -> dict[str, Runner]:
    """`model.onnx`."""
    from kedja.frameworks.onnx_runner import onnx_runner
    from kedja.frameworks.pytorch.onnx_graph import write_onnx
    from kedja.training.rows.network import served

    write_onnx(served(_restored(run), temperature_of(run)), read_input(run), folder / MODEL)
    return {MODEL: onnx_runner(folder / MODEL)}


def _network(config: TrainConfig, facts: dict[str, Any], expected: TableInput | None = None) -> "RowNetwork":
    from kedja.training.rows.network import RowNetwork

    columns = expected or TableInput.from_json(facts["input"])
    return RowNetwork(columns, facts["quantiles"], len(facts["classes"]), config.model.width, config.model.dropout)


def _restored(run: Path) -> "RowNetwork":
    from kedja.training.config.compose import from_json
    from kedja.training.loop.checkpoint import load_weights

    facts = read_json(run / PROVENANCE)["data"]
    network = _network(from_json(run / CONFIG), facts, cast(TableInput, read_input(run)))
    try:
        network.load_state_dict(load_weights(run / BEST))
    except RuntimeError as error:
        raise KedjaError(
            f"{run / BEST} does not fit the network as it is defined now: {str(error).splitlines()[-1].strip()}",
            "go back to the commit in its provenance.json, or train it again",
        ) from None
    return network.eval().requires_grad_(requires_grad=False)


ROWS_NETWORK = Framework(NAME, fit, load, write, weights=BEST, has_learning_curve=True, reproduces=True)
