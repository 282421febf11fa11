"""Arrays of a prepared data set, written in bounded memory."""

from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Tensor
from kedja.data.preparation.npy import CHUNK_BYTES, open_npy


def write_selected(source: Path, destination: Path, tensor: Tensor, kept: NDArray[np.bool_]) -> None:
    """Copy the rows of `kept`, bytes in `source`, to an `.npy` of the tensor's type, little-endian everywhere."""
    rows = open_npy(source)
    step = max(1, CHUNK_BYTES // rows.shape[1])
    descr = npy_format.dtype_to_descr(np.dtype(tensor.dtype).newbyteorder("<"))
    header = {"descr": descr, "fortran_order": False, "shape": (int(kept.sum()), *tensor.shape)}
    with destination.open("wb") as file:
        npy_format.write_array_header_1_0(file, header)
        for start in range(0, len(rows), step):
            file.write(rows[start : start + step][kept[start : start + step]].data)
