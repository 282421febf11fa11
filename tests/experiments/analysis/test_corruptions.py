import numpy as np
import pytest

from kedja.experiments.analysis.corruptions import CORRUPTIONS, STRENGTHS, corrupt, robustness


def pictures(channels: int, side: int) -> np.ndarray:
    ramp = np.linspace(0, 255, side)
    image = np.tile(ramp, (side, 1)) * (np.indices((side, side)).sum(axis=0) % 7 < 4)
    return np.repeat(image[None, :, :, None], channels, axis=3).astype(np.uint8).repeat(2, axis=0)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 33)])
def test_stronger_is_further_from_the_original(name: str, channels: int, side: int) -> None:
    images = pictures(channels, side)
    corrupted = [corrupt(images, name, strength) for strength in STRENGTHS]
    distances = [float(np.abs(one.astype(float) - images).mean()) for one in corrupted]
    assert all(one.shape == images.shape and one.dtype == np.uint8 for one in corrupted)
    assert 0 < distances[0] <= distances[1] <= distances[2]
    assert np.array_equal(corrupt(images, name, 2), corrupted[1])


def test_accuracy_under_each() -> None:
    images = pictures(1, 8)
    found = robustness(images, np.array([0, 1]), lambda corrupted: np.zeros(len(corrupted), np.int64))
    assert len(found) == len(CORRUPTIONS) * len(STRENGTHS)
    assert {one.accuracy for one in found} == {0.5}
