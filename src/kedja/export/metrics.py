"""The figures that travel with a bundle, each with its confidence interval."""

from pathlib import Path

import numpy as np

from kedja.bundle.errors import KedjaError
from kedja.training.intervals import wilson


def run_metrics(run: Path) -> dict[str, dict[str, float]]:
    """`validation_accuracy`, and `test_accuracy` where the run was the selected one.

    Each is {"value", "low", "high", "images"}; the bounds are those of `kedja.training.intervals.wilson`.
    """
    if not (run / "validation.npz").is_file():
        raise KedjaError(f"{run}/validation.npz is missing", "run its training again")
    names = {"validation_accuracy": "validation.npz", "test_accuracy": "test.npz"}
    return {name: _accuracy(run / file) for name, file in names.items() if (run / file).is_file()}


def _accuracy(path: Path) -> dict[str, float]:
    with np.load(path, allow_pickle=False) as predictions:
        correct = predictions["logits"].argmax(axis=1) == predictions["labels"]
    low, high = wilson(int(correct.sum()), len(correct))
    return {"value": float(correct.mean()), "low": low, "high": high, "images": len(correct)}
