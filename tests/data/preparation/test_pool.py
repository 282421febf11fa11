import pytest

from kedja.common.errors import KedjaError
from kedja.data.preparation.pool import map_chunks
from support.pool_work import die_on_seven, double, refuse


def chunks(number):
    return [list(range(start, start + 4)) for start in range(0, number, 4)]


def test_every_item_is_worked_on_once():
    results = [item for answer in map_chunks(double, 2, chunks(40), 2, lambda item: -1) for item in answer]
    assert sorted(results) == [2 * item for item in range(40)]


def test_an_item_that_kills_its_worker_is_given_up_and_no_other():
    results = [item for answer in map_chunks(die_on_seven, None, chunks(24), 2, lambda item: -item) for item in answer]
    assert sorted(results) == sorted([-7, *(item for item in range(24) if item != 7)])


def test_an_error_in_a_worker_is_raised_here():
    with pytest.raises(KedjaError, match="is refused"):
        list(map_chunks(refuse, None, chunks(8), 1, lambda item: item))
