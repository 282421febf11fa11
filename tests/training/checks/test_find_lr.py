import pytest
from PIL import Image

from kedja.common.errors import KedjaError
from kedja.training.checks.find_lr import find_lr, plot, steepest


def test_the_suggestion_lies_where_training_works(workplace, debug):
    result = find_lr(debug("augment=none"))
    assert 1e-3 < result.suggestion < 1
    assert result.rates == sorted(result.rates)
    assert min(result.losses) < 0.8 * result.losses[0]
    plot(result, workplace / "reports" / "find_lr.png")
    with Image.open(workplace / "reports" / "find_lr.png") as image:
        assert image.format == "PNG"
    assert not (workplace / "runs").exists()


def test_a_loss_that_never_falls_is_said():
    with pytest.raises(KedjaError, match="did not fall at any learning rate"):
        steepest([0.1, 0.2, 0.3], [1.0, 2.0, 3.0])
