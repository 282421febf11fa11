"""The figures that travel with a bundle, each with its confidence interval."""

from pathlib import Path

from kedja.common.intervals import wilson
from kedja.common.npz import read_arrays
from kedja.runs.calibration import calibration, temperature_of
from kedja.runs.folder import VALIDATION, answers_file
from kedja.runs.read import Run, read_run


def run_metrics(run: Path) -> dict[str, dict[str, float]]:
    """`validation_accuracy` and `validation_calibration_error`, and those on `test` where the run was the selected one.

    Each is {"value", "low", "high", "images"}; the bounds of accuracy are those of `kedja.common.intervals.wilson`.
    """
    metrics = {"validation_accuracy": _accuracy(run / VALIDATION)}
    if (run / answers_file("test")).is_file():
        metrics["test_accuracy"] = _accuracy(run / answers_file("test"))
    for split in ("validation", "test"):
        if (run / answers_file(split)).is_file():
            metrics[f"{split}_calibration_error"] = _calibration_error(read_run(run), split)
    return metrics


def _calibration_error(run: Run, split: str) -> dict[str, float]:
    """Of the probabilities as the bundle gives them."""
    found = calibration(run.predictions(split), temperature_of(run.directory))
    images = sum(part.count for part in found.bins)
    return {"value": found.error, "low": found.low, "high": found.high, "images": images}


def _accuracy(path: Path) -> dict[str, float]:
    labels, logits = read_arrays(path, "labels", "logits", remedy="run its training again")
    correct = logits.argmax(axis=1) == labels
    low, high = wilson(int(correct.sum()), len(correct))
    return {"value": float(correct.mean()), "low": low, "high": high, "images": len(correct)}
