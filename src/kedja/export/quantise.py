"""An int8 variant of the ONNX file, calibrated on training images, with what it costs in accuracy.

Post-training static quantisation (Jacob et al. 2018): weights per channel, activations per tensor,
written as quantise/dequantise pairs that ONNX Runtime fuses into integer kernels.
"""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

CALIBRATION_IMAGES = 512
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


def calibration_indices(train: NDArray[np.int64]) -> NDArray[np.int64]:
    """Evenly spread training images, at most `CALIBRATION_IMAGES`, in order."""
    return train[np.unique(np.linspace(0, len(train) - 1, min(CALIBRATION_IMAGES, len(train))).astype(np.int64))]


class _quiet_root_logger:  # noqa: N801 -- a context manager, read as a verb
    """The quantiser gives its advice through the root logger; here it would only be noise."""

    def __enter__(self) -> None:
        self._level = logging.root.level
        logging.root.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        logging.root.setLevel(self._level)
