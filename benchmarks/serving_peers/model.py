"""What every peer shares, so that only the serving differs: the bundle's preprocessing and its ONNX model."""

import os
from pathlib import Path

import numpy as np
import onnxruntime

from kedja.bundle import metadata
from kedja.bundle.inputs.image.preprocess import preprocess

BUNDLE = Path(os.environ["BUNDLE"])
METADATA = metadata.load(BUNDLE)


def open_session():
    """As the runtime's own documentation shows: no options."""
    return onnxruntime.InferenceSession(BUNDLE / metadata.MODEL, providers=["CPUExecutionProvider"])


def decode(data):
    """Encoded bytes → uint8 (H, W, C)."""
    return preprocess(data, METADATA.input)


def as_pixels(values):
    return np.array(values, np.uint8).reshape(METADATA.input.shape)


def describe(row):
    index = int(row.argmax())
    return {"predicted_class": METADATA.classes[index], "class_index": index, "probabilities": row.tolist()}
