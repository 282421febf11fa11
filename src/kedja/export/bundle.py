"""A finished run → `bundle/`, checked from encoded examples before it takes its place."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kedja.bundle.inputs.input import Feed
from kedja.bundle.integrity import hash_files, seal
from kedja.bundle.known import KNOWN
from kedja.bundle.known import load as load_known
from kedja.bundle.metadata import METADATA, MODEL, MODEL_CARD, Golden, Metadata, Variant, save
from kedja.bundle.reference import save as save_reference
from kedja.common.errors import KedjaError
from kedja.common.files import read_json, replacing_directory, sha256, write_bytes
from kedja.data.prepared import PreparedDataset
from kedja.data.prepared import load as load_dataset
from kedja.data.versions.ensure import ensure
from kedja.export.head import write_head
from kedja.export.known import write_known
from kedja.export.metrics import run_metrics
from kedja.export.model_card import model_card
from kedja.export.parity import Parity, check_parity
from kedja.export.quantise import CALIBRATION_IMAGES, INT8_MODEL, MEASURED_IMAGES, measure, write_int8
from kedja.export.recorded import check_recorded
from kedja.export.reference import measure as measure_reference
from kedja.export.samples import decode_samples, golden_examples, write_samples
from kedja.export.source import Wanted, weights_file
from kedja.frameworks.framework import answering
from kedja.frameworks.known import spread
from kedja.frameworks.onnx_runner import onnx_runner
from kedja.frameworks.registry import find
from kedja.runs.calibration import store, temperature_of
from kedja.runs.digests import require_whole
from kedja.runs.folder import CONFIG, run_name
from kedja.runs.read import Run, read_provenance, read_run

# Summation order differs between PyTorch and ONNX Runtime; float32 networks agree far below this, and pipelines in
# float64 with scikit-learn.
TOLERANCE = 1e-4

Say = Callable[[str], None]


def export(
    run: Path,
    destination: Path,
    say: Say = lambda line: None,
    *,
    int8: bool = False,
    name: str = "",
    wanted: Wanted | None = None,
) -> Metadata:
    """Write the bundle of `run` to `destination`, replacing what was there only when all is right.

    Args:
        run: a finished run's folder (`runs/<experiment>-<hash>/seed<k>`).
        say: receives a line of progress.
        int8: also write an int8 variant, calibrated on training images.
        name: what people are to call the model; by default by its data set and experiment.
        wanted: when an example is to be called unknown.

    Raises:
        KedjaError: the run is unfinished, its data is missing, its model does not answer as it did after training,
            or an exported file not as the model does; then no bundle is written and the old one stays.
    """
    check_name(name)
    summary = read_run(run)
    require_whole(run)
    framework = find(summary.framework)
    dataset = load_dataset(ensure(summary.data["name"]))
    _refuse_other_data(summary, dataset)
    if int8 and not framework.int8:
        raise KedjaError(f"{run} was made by {framework.name}: there is nothing to write in int8", "leave int8 out")
    temperature = store(summary)
    trained = answering(framework.load(run), temperature)
    say(f"the model answers as after training: logits within {check_recorded(run, dataset, trained):.1e}")
    with replacing_directory(destination, METADATA) as folder:
        say(f"writing {' and '.join(framework.formats)}")
        candidates = framework.write(run, folder)
        for file, content in dataset.input.files().items():
            write_bytes(folder / file, content)
        samples = write_samples(dataset, folder)
        feed = decode_samples(samples, folder, dataset.input.located(folder))
        for file, parity in check_parity(trained, candidates, feed, TOLERANCE).items():
            say(_parity_line(file, parity, len(samples)))
        metadata = _metadata(summary, dataset, golden_examples(samples, feed, trained), name)
        if int8:
            metadata = replace(metadata, variants={"int8": _quantise(folder, dataset, feed, say)})
        say("measuring the examples, for later comparison with what is served")
        write_head(folder)
        familiarity = write_known(folder, dataset, feed, metadata.variants, wanted=wanted or Wanted(), say=say)
        save_reference(folder, measure_reference(dataset, candidates[MODEL], familiarity))
        known = load_known(folder, [KNOWN] if familiarity else [])
        card = model_card(metadata, summary, dataset.description, read_provenance(run), known)
        (folder / MODEL_CARD).write_text(card, encoding="utf-8", newline="\n")
        metadata = seal(replace(metadata, files=hash_files(folder)))
        save(folder, metadata)
    return metadata


def _refuse_other_data(run: Run, dataset: PreparedDataset) -> None:
    trained_on = run.data.get("hash")
    if trained_on and trained_on != dataset.hash:
        raise KedjaError(
            f"{run.directory} was trained on version {trained_on[:12]} of {dataset.name}, but {dataset.folder}/ is now "
            f"{dataset.hash[:12]}",
            "train again on the data as it is now, or check out the data it was trained on",
        )


def _quantise(folder: Path, dataset: PreparedDataset, golden: Feed, say: Say) -> Variant:
    """Write the int8 variant into the bundle that is being made, and measure it on the validation split."""
    calibration = dataset.read(spread(dataset.split("train"), CALIBRATION_IMAGES))
    write_int8(folder / MODEL, calibration, folder / INT8_MODEL)
    validation = spread(dataset.split("val"), MEASURED_IMAGES)
    variant = measure(
        onnx_runner(folder / MODEL),
        onnx_runner(folder / INT8_MODEL),
        dataset.read(validation),
        dataset.labels[validation],
        golden,
    )
    say(
        f"{INT8_MODEL}: validation accuracy {variant.accuracy:.2%} (fp32 {variant.reference_accuracy:.2%}), the same "
        f"class on {variant.agreement:.2%} of {variant.images:,} images"
    )
    return variant


def _metadata(summary: Run, dataset: PreparedDataset, golden: list[Golden], name: str) -> Metadata:
    run, provenance = summary.directory, read_provenance(summary.directory)
    return Metadata(
        name=name or bundle_name(f"{dataset.name}-{summary.experiment}"),
        version="",
        classes=list(dataset.classes),
        input=dataset.input,
        files={},
        golden=golden,
        metrics=run_metrics(run),
        experiment=read_json(run / CONFIG),
        data_hash=dataset.hash,
        git_commit=(provenance.get("git") or {}).get("commit") or "",
        run=run_name(run),
        weights_sha256=sha256(weights_file(run)),
        licence=dataset.description.get("licence") or "",
        tolerance=TOLERANCE,
        temperature=temperature_of(run),
        calibrated=temperature_of(run) != 1,
    )


def bundle_name(text: str) -> str:
    """A bundle's name of a–z, 0–9, `.` and `-`, which is safe in file names and addresses everywhere."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "model"


def check_name(name: str) -> None:
    """See that a name that a person chose can be one.

    Raises:
        KedjaError: it cannot; proposes the nearest that can.
    """
    if name and name != bundle_name(name):
        raise KedjaError(f"name={name!r}: a model's name has a–z, 0–9, . and -", f"name={bundle_name(name)}")


def _parity_line(name: str, parity: Parity, count: int) -> str:
    return (
        f"parity of {name} on {count} encoded examples: logits within {parity.logits:.1e}, "
        f"probabilities within {parity.probabilities:.1e}"
    )
