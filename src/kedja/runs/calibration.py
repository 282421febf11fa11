"""Calibration of probabilities: its error, and the temperature that corrects them.

Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks", ICML) divides the logits by a
temperature found on the validation split: the predicted class stays, the confidence changes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kedja.common.files import read_json, write_json
from kedja.runs.folder import CALIBRATION
from kedja.runs.read import Predictions, Run
from kedja.runs.scores import log_loss, softmax

COLDEST, HOTTEST = 0.05, 20.0
BINS = 10
# With fewer validation images the temperature would be that of one or two mistakes.
FEWEST = 30
RESAMPLES = 500


@dataclass(frozen=True)
class Bin:
    """Images of similar confidence: how many, their mean confidence, and the share that was right."""

    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Reliability of a split's answers at a temperature.

    Attributes:
        error: expected calibration error, the mean distance of confidence and accuracy over the bins.
        low, high: its 95 % interval, by bootstrap over the images of each bin.
        loss: mean negative log likelihood.
        bins: as many images in each, least confident first.
    """

    temperature: float
    error: float
    loss: float
    bins: list[Bin]
    low: float
    high: float


def fit_temperature(predictions: Predictions) -> float:
    """The temperature with the lowest negative log likelihood, between 0.05 and 20.

    Without a single mistake the likelihood only grows as the temperature falls: then 1, nothing can be learnt.
    """
    from scipy.optimize import minimize_scalar

    if predictions.correct.all():
        return 1.0
    found = minimize_scalar(
        lambda log_temperature: log_loss(predictions.logits / np.exp(log_temperature), predictions.labels),
        bounds=(np.log(COLDEST), np.log(HOTTEST)),
        method="bounded",
    )
    return float(np.exp(found.x))


def found_temperature(predictions: Predictions) -> float:
    """The temperature that a split's answers give; 1 where they are too few to give one."""
    return fit_temperature(predictions) if len(predictions.labels) >= FEWEST else 1.0


def store(run: Run) -> float:
    """The run's temperature, found on its validation split and kept as `calibration.json` for the export."""
    predictions = run.predictions()
    temperature = found_temperature(predictions)
    before, after = calibration(predictions), calibration(predictions, temperature)
    figures = {"temperature": temperature, "split": "validation", "error": before.error, "error_after": after.error}
    write_json(run.directory / CALIBRATION, figures | {"interval_after": [after.low, after.high]})
    return temperature


def temperature_of(directory: Path) -> float:
    """What the logits of the run in `directory` are divided by for its probabilities; 1 where none was found."""
    path = directory / CALIBRATION
    return float(read_json(path)["temperature"]) if path.is_file() else 1.0


def calibration(predictions: Predictions, temperature: float = 1.0, bins: int = BINS) -> Calibration:
    """Reliability at `temperature`, in `bins` of equally many images."""
    logits = predictions.logits.astype(np.float64) / temperature
    probabilities = softmax(logits)
    confidence = probabilities.max(axis=1)
    groups = [group for group in np.array_split(np.argsort(confidence, kind="stable"), bins) if len(group)]
    parts = [
        Bin(len(group), float(confidence[group].mean()), float(predictions.correct[group].mean())) for group in groups
    ]
    error = sum(part.count * abs(part.confidence - part.accuracy) for part in parts) / len(confidence)
    low, high = _interval([confidence[group] - predictions.correct[group] for group in groups])
    # Resampling adds noise to the distances, and so to their mean: of a small error, all resamples may lie above.
    low = min(low, float(error))
    return Calibration(temperature, float(error), log_loss(logits, predictions.labels), parts, low, high)


def _interval(gaps: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Of the calibration error, from confidence − hit of each image, bin by bin."""
    drawn = np.random.default_rng(0)
    errors = np.zeros(RESAMPLES)
    for gap in gaps:
        # One bin after the other: all resamples of a large split at once would not fit into memory.
        for start in range(0, RESAMPLES, 50):
            errors[start : start + 50] += abs(gap[drawn.integers(len(gap), size=(50, len(gap)))].sum(axis=1))
    low, high = np.quantile(errors / sum(map(len, gaps)), (0.025, 0.975))
    return float(low), float(high)
