import shutil

import numpy as np
import pytest

from kedja.common.errors import KedjaError
from kedja.export.metrics import run_metrics


def test_accuracy_and_wilsons_interval(make_run):
    metrics = run_metrics(make_run("one", images=100, wrong=list(range(19))))
    assert list(metrics) == ["validation_accuracy", "validation_calibration_error"]
    accuracy = metrics["validation_accuracy"]
    # Wilson's interval for 81 of 100 by its closed form.
    z, p, n = 1.959964, 0.81, 100
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert accuracy["value"] == 0.81
    assert accuracy["low"] == pytest.approx(centre - half, abs=1e-6)
    assert accuracy["high"] == pytest.approx(centre + half, abs=1e-6)
    error = metrics["validation_calibration_error"]
    assert 0 <= error["low"] <= error["value"] <= error["high"] <= 1
    assert error["images"] == 100


def test_test_accuracy_joins_only_where_it_was_computed(make_run):
    run = make_run("one", images=10, wrong=[3])
    shutil.copyfile(make_run("two", images=10) / "validation.npz", run / "test.npz")
    metrics = run_metrics(run)
    assert metrics["test_accuracy"]["value"] == metrics["test_accuracy"]["high"] == 1.0
    assert metrics["test_accuracy"]["images"] == metrics["test_calibration_error"]["images"] == 10


def test_a_run_without_predictions_is_refused(tmp_path):
    with pytest.raises(KedjaError, match=r"validation.npz does not exist"):
        run_metrics(tmp_path)
