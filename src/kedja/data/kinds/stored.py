"""The examples of a prepared data set, by position: how a kind reads back what it wrote and shows it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed, Input, Values

if TYPE_CHECKING:
    from kedja.data.audit.finding import Finding
    from kedja.data.audit.index import FullIndex
    from kedja.data.prepared import PreparedDataset

    Check = Callable[[PreparedDataset, FullIndex], list[Finding]]


class Stored(ABC):
    """Safe to use from several processes and threads.

    Attributes:
        input: what every example became, with the settings of `dataset.json`.
        has_pixels: whether noise, blur and the like can be put on examples, to see what the model makes of them.
    """

    input: Input
    has_pixels: ClassVar[bool] = False

    @abstractmethod
    def read(self, positions: NDArray[np.int64]) -> Feed:
        """Examples as the graph takes them."""

    @abstractmethod
    def encoded(self, position: int) -> bytes:
        """An example as a file that `input.decode` reads."""

    def by_size(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The positions in an order in which neighbours make feeds with little padding."""
        return positions

    def facts(self, positions: NDArray[np.int64]) -> Values:
        """What `Input.facts` says of the encoded examples."""
        return {}

    def experiments(self) -> tuple[str, str]:
        """The folder of `conf/experiment/` that suits such examples, and what of them says so."""
        return f"{self.input.kind}s", f"of kind {self.input.kind}"

    def near_pairs(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of these are nearly the same but not equal: int64 (M, 2), indices into `positions`."""
        return np.empty((0, 2), np.int64)

    def audit_checks(self) -> "Sequence[Check]":
        """What the audit looks for beyond copies, splits and classes."""
        return ()

    def audit_facts(self, index: "FullIndex") -> dict[str, Any]:
        """Facts of the audit's report, beyond counts."""
        return {}

    def audit_rows(self, facts: dict[str, Any]) -> dict[str, str]:
        """`audit_facts` in words."""
        return {}

    def picture(self, position: int, title: str) -> str:
        """HTML that shows an example."""
        return f'<span title="{escape(title, quote=True)}">{escape(title)}</span>'

    def small(self, positions: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """Rows of few numbers, float64 (n, features), by which cheap models judge labels; None where they cannot."""
        return None
