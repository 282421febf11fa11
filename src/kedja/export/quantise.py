"""An int8 variant of the ONNX file, calibrated on training images, and what it costs in accuracy.

Post-training static quantisation (Jacob et al. 2018): weights per channel, activations per tensor,
written as quantise/dequantise pairs that ONNX Runtime fuses into integer kernels.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

from kedja.bundle.inputs.input import Feed, length, take
from kedja.bundle.metadata import Variant
from kedja.frameworks.framework import Runner

INT8_MODEL = "model.int8.onnx"
CALIBRATION_IMAGES = 512
# Enough to see half a percentage point, few enough to fit into memory at 224 pixels.
MEASURED_IMAGES = 4096
_BATCH = 32


class _Calibration(quantization.CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feed: Feed) -> None:
        self._batches = batches(feed)

    def get_next(self) -> Feed | None:
        return next(self._batches, None)


def batches(feed: Feed) -> Iterator[Feed]:
    """In order, a few examples at a time."""
    return (take(feed, slice(start, start + _BATCH)) for start in range(0, length(feed), _BATCH))


def write_int8(model: Path, feed: Feed, destination: Path) -> None:
    """Quantise the ONNX file `model` to `destination`.

    Args:
        feed: of the training split; the ranges of the activations are read from it.
    """
    with tempfile.TemporaryDirectory() as folder, _quiet_root_logger():
        folded = Path(folder) / "folded.onnx"
        # Folds constants and batch norms first; the quantiser asks for it.
        quant_pre_process(str(model), str(folded), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(folded),
            str(destination),
            _Calibration(feed),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            # Seven-bit weights: eight would overflow the 16-bit sums of processors without VNNI.
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )


def measure(
    reference: Runner,
    quantised: Runner,
    feed: Feed,
    labels: NDArray[np.int64],
    golden: Feed,
) -> Variant:
    """What quantisation costs.

    Args:
        reference, quantised: the two ONNX files, a feed → (logits, probabilities).
        feed, labels: of the validation split, the labels int64 (N,).
        golden: the golden examples.
    """
    said, said_before = _classes(quantised, feed), _classes(reference, feed)
    difference = float(np.abs(quantised(golden)[1] - reference(golden)[1]).max())
    return Variant(
        file=INT8_MODEL,
        accuracy=float((said == labels).mean()),
        reference_accuracy=float((said_before == labels).mean()),
        agreement=float((said == said_before).mean()),
        images=len(labels),
        # Integer kernels of other processors round differently; half as much again leaves room for that.
        tolerance=1.5 * difference + 1e-3,
    )


def _classes(runner: Runner, feed: Feed) -> NDArray[np.int64]:
    return np.concatenate([runner(batch)[1].argmax(axis=1) for batch in batches(feed)])


@contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """The quantiser gives its advice through the root logger; here it would only be noise."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(level)
