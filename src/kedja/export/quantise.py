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

from kedja.bundle.metadata import Variant
from kedja.frameworks.framework import Runner

INT8_MODEL = "model.int8.onnx"
CALIBRATION_IMAGES = 512
# Enough to see half a percentage point, few enough to fit into memory at 224 pixels.
MEASURED_IMAGES = 4096
_BATCH = 32


class _Calibration(quantization.CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._batches: Iterator[NDArray[np.uint8]] = (images[i : i + _BATCH] for i in range(0, len(images), _BATCH))

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}


def write_int8(model: Path, images: NDArray[np.uint8], destination: Path) -> None:
    """Quantise the ONNX file `model` to `destination`.

    Args:
        images: uint8 (N, H, W, C) of the training split; the ranges of the activations are read
            from them.
    """
    with tempfile.TemporaryDirectory() as folder, _quiet_root_logger():
        folded = Path(folder) / "folded.onnx"
        # Folds constants and batch norms first; the quantiser asks for it.
        quant_pre_process(str(model), str(folded), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(folded),
            str(destination),
            _Calibration(images),
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
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    golden: NDArray[np.uint8],
) -> Variant:
    """What quantisation costs.

    Args:
        reference, quantised: the two ONNX files, uint8 (N, H, W, C) → (logits, probabilities).
        images, labels: of the validation split, uint8 (N, H, W, C) and int64 (N,).
        golden: the golden examples, uint8 (N, H, W, C).
    """
    said, said_before = _classes(quantised, images), _classes(reference, images)
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


def _classes(runner: Runner, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    parts = [runner(images[i : i + _BATCH])[1].argmax(axis=1) for i in range(0, len(images), _BATCH)]
    return np.concatenate(parts)


@contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """The quantiser gives its advice through the root logger; here it would only be noise."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(level)
