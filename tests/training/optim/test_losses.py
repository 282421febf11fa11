import pytest
import torch
from torch.nn import functional as F

from kedja.training.config.schema import LossConfig
from kedja.training.optim.losses import Loss, balanced_weights

LABELS = torch.tensor([0, 0, 0, 1])
LOGITS = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_labels_and_one_hot_targets_give_the_same_loss(smoothing):
    for name in ("cross_entropy", "focal"):
        loss = Loss(LossConfig(name, smoothing), 3, LABELS)
        torch.testing.assert_close(loss(LOGITS, LABELS), loss(LOGITS, F.one_hot(LABELS, 3).float()))


def test_focal_without_focus_is_cross_entropy():
    loss = Loss(LossConfig("focal", 0.1, gamma=0.0), 3, LABELS)
    torch.testing.assert_close(loss(LOGITS, LABELS), F.cross_entropy(LOGITS, LABELS, label_smoothing=0.1))


def test_focal_counts_easy_images_less():
    loss = Loss(LossConfig("focal", gamma=2.0), 3, LABELS)
    probabilities = LOGITS.softmax(1)[torch.arange(4), LABELS]
    torch.testing.assert_close(loss(LOGITS, LABELS), (-((1 - probabilities) ** 2) * probabilities.log()).mean())


def test_balanced_weights_make_classes_count_alike():
    weights = balanced_weights(LABELS, 3)
    torch.testing.assert_close(weights, torch.tensor([4 / 9, 4 / 3, 0.0]))
    loss = Loss(LossConfig(class_weights="balanced"), 3, LABELS)
    expected = F.cross_entropy(LOGITS, LABELS, weight=weights, reduction="none").mean()
    torch.testing.assert_close(loss(LOGITS, LABELS), expected)
