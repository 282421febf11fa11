"""Golden examples: files with what the training framework says of them."""

from pathlib import Path

from kedja.bundle.inputs.input import Feed, Input
from kedja.bundle.metadata import SAMPLES, Golden
from kedja.data.prepared import PreparedDataset
from kedja.frameworks.framework import Runner


def write_samples(dataset: PreparedDataset, bundle: Path) -> list[tuple[str, int]]:
    """Copy the data set's samples into `bundle/samples/`; returns (file, label) of each."""
    folder = bundle / SAMPLES
    folder.mkdir()
    written: list[tuple[str, int]] = []
    for index in dataset.sample_indices():
        data, label = dataset.encoded(int(index)), int(dataset.labels[index])
        name = f"{len(written):02d}{dataset.input.suffix(data)}"
        (folder / name).write_bytes(data)
        written.append((f"{SAMPLES}/{name}", label))
    return written


def decode_samples(samples: list[tuple[str, int]], bundle: Path, expected: Input) -> Feed:
    """The written samples, decoded from their files."""
    return expected.collate([expected.decode((bundle / file).read_bytes()) for file, _ in samples])


def golden_examples(samples: list[tuple[str, int]], feed: Feed, reference: Runner) -> list[Golden]:
    """What `reference`, the training framework, says of each decoded sample."""
    logits, probabilities = reference(feed)
    return [
        Golden(file, label, [float(v) for v in logits[i]], [float(v) for v in probabilities[i]])
        for i, (file, label) in enumerate(samples)
    ]
