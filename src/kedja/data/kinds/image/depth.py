"""The value that is white in images of more than eight bits: one for a data set, stated or chosen from its images.

A file does not say it: sensors of twelve bits write their values into sixteen, and floats have no range at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from kedja.bundle.inputs.image.preprocess import is_deep
from kedja.common.errors import KedjaError
from kedja.common.progress import say

# What sensors have.
_CUSTOMARY = (8, 10, 12, 14, 16)
# Of the upper eight bits of sixteen: below it, the images have fourteen or fewer.
_UPPER_BITS = 64
_STATE = "state the scale: bits=12 where 4095 is white, bits=1 for floats from 0 to 1"


@dataclass(frozen=True)
class Values:
    """What one image holds: `colour` where there are sixteen bits a colour, of which only the upper eight are read."""

    lowest: float
    highest: float
    whole: bool
    colour: bool = False


def look(image: Image.Image) -> Values | None:
    """The values of an image of more than eight bits; None for any other."""
    tiles = getattr(image, "tile", None)
    raw = str(tiles[0][3]) if tiles else ""
    if is_deep(image):
        values = np.asarray(image)
        finite = values[np.isfinite(values)]
        if not finite.size:
            return Values(0, 0, whole=True)
        whole = image.mode != "F" or not (finite % 1).any()
        return Values(float(finite.min()), float(finite.max()), whole)
    if ";16" in raw:
        return Values(0, float(np.asarray(image.convert("RGB")).max()), whole=True, colour=True)
    return None


def choose_white(found: Sequence[Values], bits: int | None) -> float | None:
    """The value that becomes 255; None where no image has more than eight bits and none was stated.

    Raises:
        KedjaError: the images do not tell.
    """
    if bits is not None:
        return float(2**bits - 1)
    colour = [one for one in found if one.colour]
    if colour and max(one.highest for one in colour) < _UPPER_BITS:
        raise KedjaError(
            "colour images of sixteen bits a colour whose values fill fourteen of them or fewer would be almost black",
            "scale them to eight bits first: of sixteen, the upper eight are read",
        )
    deep = [one for one in found if not one.colour]
    if not deep:
        return None
    lowest, highest = min(one.lowest for one in deep), max(one.highest for one in deep)
    where = f"images of more than eight bits hold values from {lowest:g} to {highest:g}"
    if lowest < 0:
        raise KedjaError(f"{where}; nothing says which is black", "move them to 0 and above, and state bits=…")
    if not all(one.whole for one in deep):
        if highest > 1:
            raise KedjaError(f"{where}, not all of them whole; nothing says which is white", _STATE)
        white = 1.0
    else:
        needed = int(highest).bit_length()
        white = float(2 ** next((one for one in _CUSTOMARY if one >= needed), needed) - 1)
    say(f"{where}: 0…{white:g} become 0…255 in all images, chosen from {len(deep)} of them; bits=… states another")
    return white
