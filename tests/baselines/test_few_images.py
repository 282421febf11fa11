"""Baselines with too few training images are skipped, and said; what they have is never thinned to nothing."""

import numpy as np
import pytest

from kedja.baselines import fit, registry
from kedja.common.errors import KedjaError
from kedja.data.splits.subset import Subset, take
from kedja.experiments.launch import plan


def test_the_rarest_class_decides():
    labels = np.array([0] * 9 + [1] * 2)
    assert registry.reason_to_skip("logistic-regression", labels, ["cat", "crow"]) == ""
    reason = registry.reason_to_skip("svm", labels, ["cat", "crow"])
    assert reason == "it needs 3 training examples of every class, and crow has 2"
    # A class without any is no obstacle: its probability is the smallest everywhere.
    assert registry.reason_to_skip("svm", labels[:9].repeat(2) + np.arange(18) % 2, ["a", "b", "c"]) == ""
    assert "two classes" in registry.reason_to_skip("random-forest", labels[:9], ["cat", "crow"])


def test_a_rare_class_is_kept_whole(monkeypatch, small):
    labels = np.full(len(small.labels), 1, np.int64)
    training = small.split("train")
    labels[training[:2]] = 0
    object.__setattr__(small, "labels", labels)
    kept = fit.training_indices(small, 20)
    assert len(kept) == 20
    assert set(training[:2]) <= set(kept)
    assert (np.diff(kept) > 0).all()


def test_skipped_baselines_are_said_and_the_others_planned(monkeypatch, small, tmp_path, capfd):
    labels = small.labels.copy()
    training = small.split("train")
    of_first = training[labels[training] == labels[training[0]]]
    labels[of_first[2:]] = (labels[training[0]] + 1) % len(small.classes)
    object.__setattr__(small, "labels", labels)
    monkeypatch.setattr("kedja.data.prepared.load", lambda folder: small)
    tasks = plan.baseline_tasks(plan.Request([0]), ["logistic-regression", "svm"], tmp_path, tmp_path)
    assert [task.name for task in tasks] == ["logistic-regression"]
    assert "svm is skipped: it needs 3 training examples" in "".join(capfd.readouterr())


def test_more_folds_than_images_is_one_message(small):
    with pytest.raises(KedjaError, match="too few for 5000 folds") as caught:
        take(small, Subset(5000))
    assert "cv=" in caught.value.remedy


@pytest.fixture
def small(tmp_path):
    from kedja.data.prepared import load
    from kedja.data.versions.ensure import ensure

    return load(ensure("digits", tmp_path))
