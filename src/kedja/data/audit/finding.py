"""One thing that the audit found."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

# `invalid`: figures measured on this data set would be wrong. `warning`: look at it. `note`: good to know.
Severity = Literal["invalid", "warning", "note"]


def plural(number: int, noun: str) -> str:
    """``1 set``, ``2 sets``; of a phrase the first word counts."""
    word, space, rest = noun.partition(" ")
    return f"{number:,} {word}{'' if number == 1 else 's'}{space}{rest}"


@dataclass(frozen=True)
class Finding:
    """Attributes:
    kind: a stable word for programs, for example ``leak``.
    severity: see `Severity`.
    title: one line for people, with the number of what was found.
    remedy: what can be done about it.
    groups: positions of the examples concerned; those in one group belong together (copies of each other).
    captions: a few words for each group.
    files: path → reason, for files that are no readable example and so have no position.
    """

    kind: str
    severity: Severity
    title: str
    remedy: str = ""
    groups: list[list[int]] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.groups) or len(self.files)

    def to_json(self, ids: list[str]) -> dict[str, Any]:
        """With names in place of positions."""
        value = asdict(self) | {"count": self.count}
        value["groups"] = [[ids[position] for position in group] for group in self.groups]
        return value
