"""Features against numpy and Pillow, and the same for an image alone and in any company."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from kedja.bundle.inputs.image import features
from kedja.bundle.reference import of_answers

IMAGES = st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3])).flatmap(
    lambda shape: arrays(np.uint8, shape)
)


@settings(deadline=None)
@given(IMAGES)
def test_they_are_what_the_words_say(images):
    values = features.of_pixels(images)
    for position, image in enumerate(images):
        grey = np.asarray(Image.fromarray(image).convert("L") if image.shape[2] == 3 else image[..., 0], float)
        steps = np.concatenate([np.abs(np.diff(grey, axis=axis)).ravel() for axis in (0, 1)])
        assert values["brightness"][position] == pytest.approx(grey.mean())
        assert values["contrast"][position] == pytest.approx(grey.std(), abs=1e-5)
        assert values["sharpness"][position] == pytest.approx(steps.mean() if steps.size else 0)
        if image.shape[2] == 3:
            means = [values[name][position] for name in ("red", "green", "blue")]
            assert means == pytest.approx(image.mean(axis=(0, 1)))


@settings(deadline=None)
@given(IMAGES)
def test_company_changes_not_a_bit(images):
    together = features.of_pixels(images)
    for position in range(len(images)):
        alone = features.of_pixels(images[position : position + 1])
        assert all(together[name][position] == alone[name][0] for name in together)


def test_a_large_white_image_overflows_nothing():
    values = features.of_pixels(np.full((1, 2000, 2000, 3), 255, np.uint8))
    assert values["brightness"] == values["red"] == 255
    assert values["contrast"] == values["sharpness"] == 0


def test_sizes_and_answers():
    sizes = features.of_sizes(np.array([[640, 480], [np.nan, np.nan]]))
    assert sizes["aspect"][0] == pytest.approx(4 / 3)
    assert all(np.isnan(values[1]) for values in sizes.values())
    answers = of_answers(np.array([[0.25, 0.75], [0.5, 0.5]], np.float32))
    assert answers["class"].tolist() == [1, 0]
    assert answers["confidence"].tolist() == [0.75, 0.5]
