import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.data.kinds.image.statistics import image_sums, statistics

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]))
IMAGES = SHAPES.flatmap(lambda shape: arrays(np.uint8, shape))


@given(IMAGES)
def test_sums_are_exact(images):
    wide = images.astype(np.int64)
    expected = np.hstack([wide.sum(axis=(1, 2)), (wide**2).sum(axis=(1, 2))])
    assert [list(map(int, row.split())) for row in image_sums(images)] == expected.tolist()


@pytest.mark.parametrize("shape", [(1, 70_000, 1, 1), (1, 3, 40_000, 3)])
def test_long_white_images_do_not_overflow(shape):
    _, height, width, channels = shape
    white = np.full(shape, 255, np.uint8)
    assert image_sums(white) == [
        " ".join([str(255 * height * width)] * channels + [str(65025 * height * width)] * channels)
    ]


@pytest.mark.parametrize("size", [9, 80])
def test_statistics_are_numpys(size):
    images = np.random.default_rng(0).integers(0, 256, (7, size, size, 3), dtype=np.uint8)
    found = statistics(((row,) for row in image_sums(images)), ImageSpec(size, size, 3))
    assert np.allclose(found["mean"], (images / 255).mean(axis=(0, 1, 2)), atol=1e-8)
    assert np.allclose(found["std"], (images / 255).std(axis=(0, 1, 2)), atol=1e-8)


def test_a_blank_channel_has_a_deviation_of_one():
    images = np.full((3, 4, 4, 1), 7, np.uint8)
    assert statistics(((row,) for row in image_sums(images)), ImageSpec(4, 4, 1))["std"] == [1.0]
