from dataclasses import dataclass

import pytest

from kedja.common.errors import KedjaError
from kedja.common.options import check, option, required


@dataclass
class Options:
    where: str = required("the place")
    rate: float = option(0.5, "how fast", within=(0, 1))
    colour: str = option("red", "which", ("red", "green"))
    seconds: float | None = option(None, "how long", within=(1, 10))
    parts: list[int] = option([1, 2], "which", metavar="part,…")


@pytest.mark.parametrize("valid", [{}, {"rate": 0}, {"rate": 1}, {"colour": "green"}, {"seconds": 10}])
def test_what_lies_within_is_taken(valid):
    check(Options("here", **valid))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rate": 1.01}, "rate=1.01 is out of range\n  → it lies between 0 and 1"),
        ({"rate": float("nan")}, "rate=nan is out of range"),
        ({"rate": float("inf")}, "rate=inf is out of range"),
        ({"seconds": 0}, "seconds=0 is out of range\n  → it lies between 1 and 10"),
        ({"colour": "grean"}, "colour=grean is not a choice\n  → did you mean 'green'?"),
    ],
)
def test_what_does_not_is_refused_with_its_key(wrong, message):
    with pytest.raises(KedjaError) as error:
        check(Options("here", **wrong))
    assert str(error.value).startswith(message)


def test_every_object_has_a_list_of_its_own():
    Options("here").parts.append(3)
    assert Options("here").parts == [1, 2]
