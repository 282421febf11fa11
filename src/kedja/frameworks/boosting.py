"""Gradient boosting of table rows as a model like any other: configured, tuned and run again as networks are."""

import dataclasses
import os
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kedja.baselines import pipeline as fitted
from kedja.baselines.fit import PACKAGES, count_parameters
from kedja.baselines.tables.rows import Rows
from kedja.bundle.inputs.input import Feed
from kedja.bundle.metadata import MODEL
from kedja.common.cpus import available
from kedja.common.errors import KedjaError
from kedja.data.prepared import PreparedDataset
from kedja.data.splits.subset import take
from kedja.frameworks.framework import Framework, Predict, Runner
from kedja.runs.calibration import temperature_of
from kedja.runs.folder import hash_in
from kedja.runs.provenance import describe
from kedja.runs.read import Run, read_input, read_provenance
from kedja.runs.scores import score
from kedja.runs.write import write_answers, write_config, write_provenance, write_summary
from kedja.training.config.run_folder import family, subset
from kedja.training.config.schema import ModelConfig, TrainConfig, flat

NAME = "boosting"


def fit(config: TrainConfig, data: PreparedDataset, folder: Path) -> None:
    """Grow the trees of `config` on the part of the data set that it names.

    Raises:
        KedjaError: the examples are no rows, or the part has too few.
    """
    from sklearn.pipeline import Pipeline

    if data.kind != Rows.kind:
        raise KedjaError(f"{config.model.name} takes rows of tables, not {data.input.nouns}", "just experiments …")
    since = time.perf_counter()
    part, rows = take(data, subset(config)), Rows()
    on = {name: part.split(name) for name in ("train", "val")}
    if not all(map(len, on.values())) or len(np.unique(data.labels[on["train"]])) < 2:
        raise KedjaError(f"{data.folder}/ has no rows of two classes to train on, or none to validate", "more of them")
    x = {name: rows.examples(part, positions) for name, positions in on.items()}
    y = {name: data.labels[positions] for name, positions in on.items()}
    grower = _grower(config.model, rows.settings(data)["numbers"], config.seed)
    pipeline = Pipeline([("model", grower)]).fit(x["train"], y["train"])
    logits = {name: fitted.logits(pipeline, values, len(data.classes)) for name, values in x.items()}
    threads = int(os.environ.get("OMP_NUM_THREADS") or available())
    write_config(folder, dataclasses.asdict(config))
    write_provenance(folder, describe(NAME, data.facts, "cpu", threads, packages=PACKAGES))
    fitted.save(pipeline, folder)
    write_answers(folder, "validation", [data.ids[i] for i in on["val"]], y["val"], logits["val"])
    seconds = time.perf_counter() - since
    write_summary(
        Run(
            directory=folder,
            framework=NAME,
            experiment=config.experiment,
            config_hash=hash_in(folder),
            seed=config.seed,
            model=config.model.name,
            parameters=count_parameters(pipeline),
            epochs=0,
            best_epoch=0,
            validation=score(logits["val"], y["val"]),
            train=score(logits["train"], y["train"]),
            wall_seconds=seconds,
            images_per_second=len(y["train"]) / seconds,
            data={"name": data.name, "hash": data.hash},
            hyperparameters=flat(config),
            subset=None if subset(config).whole else subset(config).summary(family(config)),
        )
    )


def load(run: Path) -> Predict:
    """The trees; raises `KedjaError` where the run's files are missing or damaged."""
    pipeline, rows = fitted.load(run), Rows()
    classes = len(read_provenance(run)["data"]["classes"])

    def predict(feed: Feed) -> NDArray[np.float32]:
        return fitted.logits(pipeline, rows.features(feed), classes)

    return predict


def write(run: Path, folder: Path) -> dict[str, Runner]:
    """`model.onnx`, which computes in float64 as the trees do."""
    from kedja.baselines.onnx_graph import write_pipeline
    from kedja.frameworks.onnx_runner import onnx_runner

    pipeline, classes = fitted.load(run), len(read_provenance(run)["data"]["classes"])
    front = Rows().front(pipeline, read_input(run))
    write_pipeline(front, pipeline.classes_, classes, folder / MODEL, temperature_of(run))
    return {MODEL: onnx_runner(folder / MODEL)}


def _grower(model: ModelConfig, numbers: int, seed: int) -> "object":
    from kedja.baselines.tables.growing import Boosting

    return Boosting(
        numbers,
        rate=model.rate,
        rounds=model.rounds,
        leaves=model.leaves,
        least=model.leaf_rows,
        l2=model.l2,
        columns=model.columns,
        members=model.members,
        seed=seed,
    )


BOOSTING = Framework(NAME, fit, load, write, weights=fitted.PIPELINE, reproduces=True)
