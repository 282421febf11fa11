"""Golden examples: encoded images with what the training framework says of them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.image_spec import ImageSpec
from kedja.bundle.metadata import SAMPLES, Golden
from kedja.bundle.preprocess import preprocess
from kedja.data.prepared import PreparedDataset
from kedja.export.parity import Runner

_SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"BM": ".bmp", b"RIFF": ".webp"}


def write_samples(dataset: PreparedDataset, bundle: Path) -> list[tuple[str, int]]:
    """Copy the data set's sample images into `bundle/samples/`; returns (file, label) of each."""
    folder = bundle / SAMPLES
    folder.mkdir()
    written: list[tuple[str, int]] = []
    for index in dataset.sample_indices():
        data, label = dataset.encoded(int(index)), int(dataset.labels[index])
        name = f"{len(written):02d}{_suffix(data)}"
        (folder / name).write_bytes(data)
        written.append((f"{SAMPLES}/{name}", label))
    return written


def decode_samples(samples: list[tuple[str, int]], bundle: Path, spec: ImageSpec) -> NDArray[np.uint8]:
    """The written samples through `kedja.bundle.preprocess` → uint8 (N, H, W, C)."""
    return np.stack([preprocess((bundle / file).read_bytes(), spec) for file, _ in samples])


def golden_examples(samples: list[tuple[str, int]], images: NDArray[np.uint8], reference: Runner) -> list[Golden]:
    """What `reference`, the training framework, says of each decoded sample."""
    logits, probabilities = reference(images)
    return [
        Golden(file, label, [float(v) for v in logits[i]], [float(v) for v in probabilities[i]])
        for i, (file, label) in enumerate(samples)
    ]


def spread(indices: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` of `indices`, evenly spread over them, in order."""
    return indices[np.linspace(0, len(indices) - 1, min(most, len(indices))).astype(np.int64)]


def _suffix(data: bytes) -> str:
    return next((suffix for magic, suffix in _SUFFIXES.items() if data.startswith(magic)), ".img")
