"""Two bytes that follow each other are counted as `bytes.count` does, wherever they are."""

import numpy as np
import pytest

from kedja.common import pairs

PAIR = b"\xff\xda"


@pytest.mark.parametrize("size", [0, 1, 2, 249_999, 250_000, 250_001, 500_002, 700_000])
@pytest.mark.parametrize("letters", [b"\xff\xda", b"\xff", b"\xda\xff\0"])
def test_as_bytes_count(size, letters):
    data = np.random.default_rng(size).choice(np.frombuffer(letters, np.uint8), size).tobytes()
    assert pairs.count_pairs(data, PAIR) == data.count(PAIR)


def test_a_pair_on_the_border_of_two_pieces_counts_once():
    data = bytes(249_999) + PAIR + bytes(10)
    assert pairs.count_pairs(data, PAIR) == 1
