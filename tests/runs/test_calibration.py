import numpy as np
import pytest

from kedja.runs.calibration import calibration, fit_temperature
from kedja.runs.read import Predictions
from kedja.runs.scores import softmax


def drawn_from(logits: np.ndarray, sharpen: float) -> Predictions:
    """Labels drawn from softmax(logits); the model then claims logits × sharpen."""
    generator = np.random.default_rng(0)
    labels = np.array([generator.choice(len(p), p=p) for p in softmax(logits)])
    return Predictions(np.array([str(i) for i in range(len(labels))]), labels, (sharpen * logits).astype(np.float32))


@pytest.fixture
def logits() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 2, (4000, 5))


@pytest.mark.parametrize("sharpen", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_sharpened_the_logits(logits: np.ndarray, sharpen: float) -> None:
    one = drawn_from(logits, sharpen)
    temperature = fit_temperature(one)
    assert temperature == pytest.approx(sharpen, rel=0.08)
    before, after = calibration(one), calibration(one, temperature)
    assert after.error < 0.03
    assert after.loss <= before.loss + 1e-9
    if sharpen == 3.0:
        assert before.error > 0.1


def test_bins_hold_every_image_once(logits: np.ndarray) -> None:
    one = calibration(drawn_from(logits, 1.0), bins=7)
    assert sum(part.count for part in one.bins) == 4000
    assert [part.confidence for part in one.bins] == sorted(part.confidence for part in one.bins)


def test_no_mistake_teaches_no_temperature() -> None:
    labels = np.array([0, 1, 2])
    assert fit_temperature(Predictions(np.array(list("abc")), labels, np.eye(3, dtype=np.float32))) == 1.0


@pytest.mark.parametrize("sharpen", [1.0, 3.0])
def test_the_error_lies_in_its_interval(logits: np.ndarray, sharpen: float) -> None:
    one = calibration(drawn_from(logits, sharpen))
    assert 0 <= one.low <= one.error < one.high < 1
    # Of 4,000 images at one and the same bins.
    assert one.high - one.low < 0.05


def test_few_images_have_a_wide_interval(logits: np.ndarray) -> None:
    whole = drawn_from(logits, 3.0)
    few = Predictions(whole.ids[:100], whole.labels[:100], whole.logits[:100])
    wide, narrow = calibration(few), calibration(whole)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
