"""A choice within a configuration group: where it is made, and which of the group's keys it has. Loads no torch."""

from dataclasses import dataclass
from functools import cache
from pkgutil import resolve_name
from typing import Any


@dataclass(frozen=True)
class Component:
    """Attributes:
    make: `module:function`, loaded when it is used; empty where there is nothing to make.
    keys: those of its group that it has, besides `name`.
    """

    make: str
    keys: tuple[str, ...]

    @property
    def maker(self) -> Any:
        """The function that `make` names; None where it names none."""
        return resolved(self.make) if self.make else None


@cache
def resolved(name: str) -> Any:
    """`resolve_name`, once."""
    return resolve_name(name)
