"""The examples of a prepared data set, by position: how a kind reads back what it wrote."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed, Input, Values


class Stored(ABC):
    """Safe to use from several processes and threads.

    Attributes:
        input: what every example became, with the settings of `dataset.json`.
    """

    input: Input

    @abstractmethod
    def read(self, positions: NDArray[np.int64]) -> Feed:
        """Examples as the graph takes them."""

    @abstractmethod
    def encoded(self, position: int) -> bytes:
        """An example as a file that `input.decode` reads."""

    def facts(self, positions: NDArray[np.int64]) -> Values:
        """What `Input.facts` says of the encoded examples."""
        return {}
