import pytest
import torch

from kedja.training.checks.remarks import Remarks
from kedja.training.config.schema import AugmentConfig, TrainConfig

# Four classes; the most frequent has 4 of 10 images.
LABELS = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 3, 3])
FINE = {"epoch": 5, "train_accuracy": 0.9, "val_accuracy": 0.88, "val_loss": 0.4}


def said(config=None, steps=20, **line):
    lines = []
    remarks = Remarks(config or TrainConfig(epochs=5), LABELS, 4, steps)
    for _ in range(2):
        remarks.look({**FINE, **line}, lines.append)
    return lines


def test_nothing_is_said_of_a_run_that_goes_well():
    assert said() == []


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ({"val_loss": 166938.0}, "the validation loss, 166,938.0, is many times that of guessing (1.4)"),
        ({"epoch": 3, "val_accuracy": 0.41}, "after 3 epochs no better than always naming the most frequent class"),
        ({"train_accuracy": 0.99, "val_accuracy": 0.6}, "it memorises"),
        ({"train_accuracy": 0.7}, "are copies of training images in it?"),
        ({"steps": 3}, "10 images make 3 steps an epoch"),
    ],
)
def test_what_is_wrong_is_said_once(line, text):
    [one] = said(**line)
    assert text in one


def test_a_network_is_given_time_and_augmentation_makes_training_harder():
    assert said(epoch=2, val_accuracy=0.3, train_accuracy=0.3) == []
    assert said(TrainConfig(epochs=5, augment=AugmentConfig(crop=0.3)), train_accuracy=0.6) == []
    assert said(TrainConfig(epochs=9), train_accuracy=0.99, val_accuracy=0.6) == []


def test_a_network_below_the_cheapest_model_is_told_so():
    def heard(cheapest):
        lines = []
        remarks = Remarks(TrainConfig(epochs=8), LABELS, 4, 20, lambda: cheapest)
        for epoch in range(1, 9):
            remarks.look({**FINE, "epoch": epoch, "train_accuracy": 0.7, "val_accuracy": 0.6}, lines.append)
        return lines

    assert heard(0.6) == []
    [line] = heard(0.65)
    assert "after 4 epochs 60.0% of the validation images are right" in line
    assert "gets 65.0%" in line
