"""The figures that travel with a bundle, each with its confidence interval."""

from pathlib import Path

from kedja.common.intervals import wilson
from kedja.common.npz import read_arrays
from kedja.runs.folder import VALIDATION, answers_file


def run_metrics(run: Path) -> dict[str, dict[str, float]]:
    """`validation_accuracy`, and `test_accuracy` where the run was the selected one.

    Each is {"value", "low", "high", "images"}; the bounds are those of `kedja.common.intervals.wilson`.
    """
    metrics = {"validation_accuracy": _accuracy(run / VALIDATION)}
    if (run / answers_file("test")).is_file():
        metrics["test_accuracy"] = _accuracy(run / answers_file("test"))
    return metrics


def _accuracy(path: Path) -> dict[str, float]:
    labels, logits = read_arrays(path, "labels", "logits", remedy="run its training again")
    correct = logits.argmax(axis=1) == labels
    low, high = wilson(int(correct.sum()), len(correct))
    return {"value": float(correct.mean()), "low": low, "high": high, "images": len(correct)}
