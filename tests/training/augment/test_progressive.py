import pytest
import torch

from kedja.training.augment.progressive import shrink, side_at
from kedja.training.config.schema import AugmentConfig


def test_small_images_come_first_and_whole_ones_last():
    config = AugmentConfig(early_side=24, early_share=0.6)
    assert [side_at(step, 5, config) for step in range(5)] == [24, 24, 24, 0, 0]
    assert {side_at(step, 5, AugmentConfig()) for step in range(5)} == {0}


@pytest.mark.parametrize(
    ("shape", "side", "expected"), [((32, 32), 24, (24, 24)), ((32, 48), 16, (16, 24)), ((8, 8), 24, (8, 8))]
)
def test_the_shorter_side_is_brought_to_the_side_and_nothing_grows(shape, side, expected):
    assert shrink(torch.rand(2, 3, *shape), side).shape == (2, 3, *expected)


def test_what_is_even_stays_even():
    torch.testing.assert_close(shrink(torch.full((1, 1, 32, 32), 0.3), 20), torch.full((1, 1, 20, 20), 0.3))
