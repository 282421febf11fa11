"""What every peer shares, so that only the serving differs: the bundle's preprocessing and its ONNX model."""

import os
from pathlib import Path

import numpy as np
import onnxruntime

from kedja.bundle import metadata
from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.bundle.inputs.image.spec import ImageSpec

BUNDLE = Path(os.environ["BUNDLE"])
METADATA = metadata.load(BUNDLE)
assert isinstance(METADATA.input, ImageSpec), "the peers serve images"
SPEC = METADATA.input


def open_session():
    """As the runtime's own documentation shows: no options."""
    return onnxruntime.InferenceSession(BUNDLE / metadata.MODEL, providers=["CPUExecutionProvider"])


def decode(data):
    """Encoded bytes → uint8 (H, W, C)."""
    return preprocess(data, SPEC)


def as_pixels(values):
    return np.array(values, np.uint8).reshape(SPEC.shape)


def describe(row):
    index = int(row.argmax())
    return {"predicted_class": METADATA.classes[index], "class_index": index, "probabilities": row.tolist()}
