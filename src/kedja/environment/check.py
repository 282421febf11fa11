"""One checked fact about the environment."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One line of the table. `advice` says what to do about anything that is not ok."""

    name: str
    status: Literal["ok", "warning", "failed"]
    detail: str
    advice: str = ""
