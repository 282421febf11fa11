"""A fitted scikit-learn pipeline as a model: pixels in, logits out, stored beside the run's other files.

Everything up to the pipeline is float64, here and in the exported graph: in float32 the two would round differently,
and a decision tree whose threshold lies between two roundings answers with another leaf.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.baselines import stored_pipeline as stored
from kedja.common.errors import KedjaError
from kedja.common.files import write_bytes

PIPELINE = "pipeline.skops"
PICKLED = "pipeline.joblib"
REMEDY = "remove the run's folder and fit it again with `just experiments`"
FEATURE_SIDE = 16
SMALLEST_PROBABILITY = 1e-7


def features(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """uint8 (N, H, W, C) → float64 (N, D) in 0…1: the pixels, area-averaged to at most 16 × 16."""
    _, height, width, _ = images.shape
    pixels = images / 255
    if max(height, width) > FEATURE_SIDE:
        rows, columns = averaging(height, width)
        pixels = np.einsum("ay,nyxc,bx->nabc", rows, pixels, columns, optimize=True)
    return pixels.reshape(len(images), -1)


def averaging(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrices (rows, height) and (columns, width) that average areas, so that the longer side gets 16."""
    scale = FEATURE_SIDE / max(height, width)
    return _averages(max(1, round(height * scale)), height), _averages(max(1, round(width * scale)), width)


def logits(pipeline: Any, x: NDArray[np.float64], classes: int) -> NDArray[np.float32]:
    """Log-probabilities float32 (N, classes); a class without a training image gets the smallest everywhere."""
    probabilities = np.zeros((len(x), classes))
    probabilities[:, pipeline.classes_] = pipeline.predict_proba(x)
    return np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1.0)).astype(np.float32)


def save(pipeline: Any, directory: Path) -> None:
    """Write `pipeline.skops` into the run's folder."""
    write_bytes(directory / PIPELINE, stored.dump(pipeline))


def load(directory: Path) -> Any:
    """The pipeline of the run in `directory`; no code of its file is run, whoever wrote it.

    Raises:
        KedjaError: there is none, it is damaged, it holds what no baseline is made of, or another version of
            scikit-learn wrote it.
    """
    path = directory / PIPELINE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if (directory / PICKLED).is_file():
            raise KedjaError(
                f"{directory / PICKLED} is a pickle of an earlier release; loading it would run code that is in it",
                REMEDY,
            ) from None
        raise KedjaError(f"{directory} keeps no fitted pipeline", REMEDY) from None
    return stored.load(content, path, REMEDY)


def _averages(targets: int, sources: int) -> NDArray[np.float64]:
    """(targets, sources): how much of each source's length lies in each target's, rows summing to one."""
    edges = np.arange(targets + 1)[:, None] * (sources / targets)
    covered = np.clip(edges - np.arange(sources), 0, 1)
    averages: NDArray[np.float64] = np.diff(covered, axis=0) * (targets / sources)
    return averages
