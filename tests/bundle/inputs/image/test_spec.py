"""The specification of images."""

import pytest
from hypothesis import given

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from support.pictures import COLOUR, specs


@given(specs)
def test_a_specification_survives_json(spec):
    assert ImageSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 4}, "1 or 3 channels"),
        ({"height": 0}, "no pixels"),
        ({"crop_fraction": 0}, "crop_fraction=0"),
        ({"crop_fraction": 1.5}, "crop_fraction=1.5"),
        ({"resize": "squash"}, "resize='squash'"),
        ({"interpolation": "bilinaer"}, "bilinear"),
        ({"depth": 3}, "depth"),
    ],
)
def test_specifications_that_make_no_sense(change, message):
    with pytest.raises(KedjaError, match=message):
        ImageSpec.from_json({**COLOUR.to_json(), **change})
