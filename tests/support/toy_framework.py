"""A framework of the tests' own: the class whose mean image is nearest."""

import time
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, parser

from kedja.bundle.metadata import MODEL
from kedja.frameworks.framework import Framework
from kedja.frameworks.onnx_runner import onnx_runner
from kedja.runs.calibration import temperature_of
from kedja.runs.folder import hash_in
from kedja.runs.provenance import describe
from kedja.runs.read import Run
from kedja.runs.scores import score
from kedja.runs.write import write_answers, write_config, write_provenance, write_summary

WEIGHTS = "means.npy"
# -|x - m|² without what all classes share, in pixels of 0…1.
GRAPH = """<ir_version: 10, opset_import: ["" : 18]>
toy (uint8[n, {height}, {width}, 1] image) => (float[n, {classes}] logits, float[n, {classes}] probabilities) {{
  exact = Cast <to = 1> (image)
  scaled = Div (exact, white)
  flat = Flatten (scaled)
  products = MatMul (flat, means)
  logits = Sub (products, norms)
  tempered = Div (logits, temperature)
  probabilities = Softmax <axis = 1> (tempered)
}}"""


def fit(config, data, folder):
    since = time.perf_counter()
    train, val = data.split("train"), data.split("val")
    images = data.pixels(train).reshape(len(train), -1) / np.float32(255)
    means = np.stack([images[data.labels[train] == label].mean(0) for label in range(len(data.classes))])
    folder.mkdir(parents=True)
    np.save(folder / WEIGHTS, means.astype(np.float32))
    write_config(folder, config)
    write_provenance(folder, describe("toy", data.facts, "cpu", 1))
    predict = load(folder)
    on_train, on_val = (predict(data.read(split)) for split in (train, val))
    write_answers(folder, "validation", [data.ids[i] for i in val], data.labels[val], on_val)
    seconds = time.perf_counter() - since
    write_summary(
        Run(
            directory=folder,
            framework="toy",
            experiment="nearest-mean",
            config_hash=hash_in(folder),
            seed=0,
            model="means",
            parameters=means.size,
            epochs=0,
            best_epoch=0,
            validation=score(on_val, data.labels[val]),
            train=score(on_train, data.labels[train]),
            wall_seconds=seconds,
            images_per_second=len(train) / seconds,
            data={"name": data.name, "hash": data.hash},
            hyperparameters=config,
        )
    )


def load(run):
    means = np.load(run / WEIGHTS)

    def predict(feed):
        images = feed["image"]
        flat = images.reshape(len(images), -1) / np.float32(255)
        return (flat @ (2 * means.T) - (means**2).sum(1)).astype(np.float32)

    return predict


def write(run: Path, folder: Path):
    means = np.load(run / WEIGHTS)
    shape = {"height": 8, "width": 8, "classes": len(means)}
    model = parser.parse_model(GRAPH.format(**shape))
    constants = {"white": np.float32(255), "means": 2 * means.T, "norms": (means**2).sum(1)}
    constants["temperature"] = np.float32(temperature_of(run))
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items())
    onnx.checker.check_model(model, full_check=True)
    (folder / MODEL).write_bytes(model.SerializeToString())
    return {MODEL: onnx_runner(folder / MODEL)}


TOY = Framework("toy", fit, load, write, weights=WEIGHTS)
