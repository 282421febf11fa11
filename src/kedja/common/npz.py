"""Reading `.npz` files of answers, one row an image, which a machine that went down may have left in pieces."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.common.errors import KedjaError


def read_arrays(path: Path, *names: str, remedy: str = "") -> list[NDArray[Any]]:
    """Those arrays of the file, in the order of the names.

    Args:
        remedy: what to do where it fails.

    Raises:
        KedjaError: the file is missing or damaged, lacks one of the arrays, or one is longer than another.
    """
    try:
        # From memory: numpy leaves the file open where its directory is damaged.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            found = [arrays[name] for name in names]
            lengths = sorted({len(array) for array in found})
    except FileNotFoundError:
        raise KedjaError(f"{path} does not exist", remedy) from None
    except Exception as error:  # noqa: BLE001 -- zipfile and numpy raise a dozen kinds for damaged files
        raise KedjaError(f"{path} is damaged: {type(error).__name__}: {error}", remedy) from None
    if len(lengths) > 1:
        raise KedjaError(f"{path} is damaged: its arrays have {' and '.join(map(str, lengths))} rows", remedy)
    return found
