"""The examples of a prepared data set, by position: how a kind reads back what it wrote and shows it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
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
        conflicts_invalidate: whether equal examples with different labels make figures wrong, or are natural.
        has_effects: whether their parts have names, and `effects` says which of them the answers hang on.
        has_pixels: whether noise, blur and the like can be put on examples, to see what the model makes of them.
    """

    input: Input
    conflicts_invalidate: ClassVar[bool] = True
    has_effects: ClassVar[bool] = False
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

    @property
    def needs_features(self) -> bool:
        """Whether only a pretrained network's features say what such examples show, to those who judge their labels."""
        return False

    def near_pairs(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of these are nearly the same but not equal: int64 (M, 2), indices into `positions`."""
        return np.empty((0, 2), np.int64)

    def strangers(self) -> Mapping[str, Sequence[bytes]]:
        """Examples that are at hand everywhere and none of these, as files: where they come from → files."""
        return {}

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

    def effects(
        self, positions: NDArray[np.int64], labels: NDArray[np.int64], answer: Callable[[Feed], NDArray[Any]]
    ) -> dict[str, Any]:
        """What of examples the answers hang on, for the report; empty where their kind has no parts with names.

        Args:
            answer: probabilities (n, classes) of a feed.
        """
        return {}

    def explained(self, position: int, weights: "list[Any] | None", name: str) -> str:
        """HTML that shows what of an example spoke for the class `name`, by the weights of its parts; else empty."""
        return ""

    def small(self, positions: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """Rows of few numbers, float64 (n, features), by which cheap models judge labels; None where they cannot."""
        return None
