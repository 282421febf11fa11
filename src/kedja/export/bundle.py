"""A finished run → `bundle/`, checked from encoded images before it takes its place."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.integrity import content_version, hash_files
from kedja.bundle.metadata import MODEL, MODEL_CARD, Golden, Metadata, Variant, save
from kedja.bundle.reference import save as save_reference
from kedja.common.errors import KedjaError
from kedja.common.files import read_json, replacing_directory, sha256
from kedja.data.prepared import PreparedDataset
from kedja.data.prepared import load as load_dataset
from kedja.data.versions.ensure import ensure
from kedja.export.metrics import run_metrics
from kedja.export.model import open_model
from kedja.export.model_card import model_card
from kedja.export.parity import Parity, check_parity
from kedja.export.quantise import CALIBRATION_IMAGES, INT8_MODEL, MEASURED_IMAGES, measure, write_int8
from kedja.export.recorded import check_recorded
from kedja.export.reference import measure as measure_reference
from kedja.export.runners import onnx_runner
from kedja.export.samples import decode_samples, golden_examples, pixels, spread, write_samples
from kedja.export.source import read_summary, run_name, weights_file

# Summation order differs between PyTorch and ONNX Runtime; float32 networks agree far below this, and pipelines in
# float64 with scikit-learn.
TOLERANCE = 1e-4

Say = Callable[[str], None]


def export(run: Path, destination: Path, say: Say = lambda line: None, int8: bool = False) -> Metadata:
    """Write the bundle of `run` to `destination`, replacing what was there only when all is right.

    Args:
        run: a finished run's folder (`runs/<experiment>-<hash>/seed<k>`).
        say: receives a line of progress.
        int8: also write an int8 variant, calibrated on training images.

    Raises:
        KedjaError: the run is unfinished, its data is missing, its model does not answer as it did after training,
            or an exported file not as the model does; then no bundle is written and the old one stays.
    """
    summary = read_summary(run)
    dataset = load_dataset(ensure(summary["data"]["name"]))
    _refuse_other_data(run, summary, dataset)
    if int8 and summary["kind"] == "baseline":
        raise KedjaError(f"{run} is a scikit-learn pipeline: there is nothing to write in int8", "leave int8 out")
    model = open_model(run, summary["kind"], dataset)
    say(f"the model answers as after training: logits within {check_recorded(run, dataset, model.reference):.1e}")
    with replacing_directory(destination) as folder:
        say(f"writing {model.formats}")
        candidates = model.write(folder)
        samples = write_samples(dataset, folder)
        images = decode_samples(samples, folder, dataset.spec)
        for name, parity in check_parity(model.reference, candidates, images, TOLERANCE).items():
            say(_parity_line(name, parity, len(samples)))
        metadata = _metadata(run, summary, dataset, golden_examples(samples, images, model.reference))
        if int8:
            metadata = replace(metadata, variants={"int8": _quantise(folder, dataset, images, say)})
        say("measuring the training images, for later comparison with what is served")
        save_reference(folder, measure_reference(dataset, candidates[MODEL]))
        card = model_card(metadata, summary, dataset.description, read_json(run / "provenance.json"))
        (folder / MODEL_CARD).write_text(card, encoding="utf-8", newline="\n")
        files = hash_files(folder)
        metadata = replace(metadata, files=files, version=content_version(files))
        save(folder, metadata)
    return metadata


def _refuse_other_data(run: Path, summary: dict[str, Any], dataset: PreparedDataset) -> None:
    trained_on = summary["data"].get("hash")
    if trained_on and trained_on != dataset.hash:
        raise KedjaError(
            f"{run} was trained on version {trained_on[:12]} of {dataset.name}, but {dataset.folder}/ is now "
            f"{dataset.hash[:12]}",
            "train again on the data as it is now, or check out the data it was trained on",
        )


def _quantise(folder: Path, dataset: PreparedDataset, golden: NDArray[np.uint8], say: Say) -> Variant:
    """Write the int8 variant into the bundle that is being made, and measure it on the validation split."""
    calibration = pixels(dataset, spread(dataset.split("train"), CALIBRATION_IMAGES))
    write_int8(folder / MODEL, calibration, folder / INT8_MODEL)
    validation = spread(dataset.split("val"), MEASURED_IMAGES)
    variant = measure(
        onnx_runner(folder / MODEL),
        onnx_runner(folder / INT8_MODEL),
        pixels(dataset, validation),
        dataset.labels[validation],
        golden,
    )
    say(
        f"{INT8_MODEL}: validation accuracy {variant.accuracy:.2%} (fp32 {variant.reference_accuracy:.2%}), the same "
        f"class on {variant.agreement:.2%} of {variant.images:,} images"
    )
    return variant


def _metadata(run: Path, summary: dict[str, Any], dataset: PreparedDataset, golden: list[Golden]) -> Metadata:
    provenance = read_json(run / "provenance.json")
    return Metadata(
        name=f"{dataset.name}-{Path(summary['experiment']).name}",
        version="",
        classes=list(dataset.classes),
        input=dataset.spec,
        files={},
        golden=golden,
        metrics=run_metrics(run),
        experiment=read_json(run / "config.json"),
        data_hash=dataset.hash,
        git_commit=(provenance.get("git") or {}).get("commit") or "",
        run=run_name(run),
        weights_sha256=sha256(weights_file(run)),
        licence=dataset.description.get("licence") or "",
        tolerance=TOLERANCE,
        temperature=_temperature(run),
    )


def _temperature(run: Path) -> float | None:
    """What `kedja.experiments.analysis.calibration.store` found, where it was asked."""
    path = run / "calibration.json"
    return float(read_json(path)["temperature"]) if path.is_file() else None


def _parity_line(name: str, parity: Parity, count: int) -> str:
    return (
        f"parity of {name} on {count} encoded images: logits within {parity.logits:.1e}, "
        f"probabilities within {parity.probabilities:.1e}"
    )
