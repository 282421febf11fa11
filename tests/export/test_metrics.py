import numpy as np
import pytest

from kedja.common.errors import KedjaError
from kedja.export.metrics import run_metrics


def write(path, correct, total):
    labels = np.zeros(total, np.int64)
    logits = np.tile(np.array([0.0, 1.0], np.float32), (total, 1))
    logits[:correct, 0] = 2
    np.savez(path, ids=np.arange(total).astype(str), labels=labels, logits=logits)


def test_accuracy_and_wilsons_interval(tmp_path):
    write(tmp_path / "validation.npz", 81, 100)
    metrics = run_metrics(tmp_path)
    assert list(metrics) == ["validation_accuracy"]
    accuracy = metrics["validation_accuracy"]
    # Wilson's interval for 81 of 100 by its closed form.
    z, p, n = 1.959964, 0.81, 100
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert accuracy["value"] == 0.81
    assert accuracy["low"] == pytest.approx(centre - half, abs=1e-6)
    assert accuracy["high"] == pytest.approx(centre + half, abs=1e-6)


def test_test_accuracy_joins_only_where_it_was_computed(tmp_path):
    write(tmp_path / "validation.npz", 9, 10)
    write(tmp_path / "test.npz", 10, 10)
    metrics = run_metrics(tmp_path)
    assert metrics["test_accuracy"]["value"] == metrics["test_accuracy"]["high"] == 1.0
    assert metrics["test_accuracy"]["images"] == 10


def test_a_run_without_predictions_is_refused(tmp_path):
    with pytest.raises(KedjaError, match=r"validation.npz does not exist"):
        run_metrics(tmp_path)
