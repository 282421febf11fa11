"""What is odd about the classes and labels of a data set, said while it is prepared."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from kedja.common.progress import say
from kedja.data.preparation.workspace import READ, Workspace

_WAS_READ = f"code = '{READ}'"
_SHOWN = 3


def say_alike_classes(classes: Iterable[str]) -> None:
    """Classes that differ only in case, white space or the way a number is written."""
    by_meaning: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        by_meaning[_meaning(name)].append(name)
    alike = [names for names in by_meaning.values() if len(names) > 1]
    if alike:
        shown = "; ".join(" and ".join(map(repr, names)) for names in alike[:_SHOWN])
        say(f"note: classes that may be meant as one: {shown}")


def _meaning(name: str) -> str:
    plain = re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", name)).strip().casefold()
    try:
        return repr(float(plain))
    except ValueError:
        return plain


def say_lost_classes(workspace: Workspace) -> None:
    """Classes of which no image could be read."""
    rows = workspace.table(f"SELECT label FROM examples GROUP BY label HAVING NOT sum({_WAS_READ})")  # noqa: S608 -- no outside text
    if rows:
        names = ", ".join(label for (label,) in rows[:_SHOWN])
        say(f"note: {len(rows)} classes have no image that can be read and are none: {names}")


def say_contradictions(workspace: Workspace, nouns: str) -> None:
    """Identical examples with different labels, as the audit counts them."""
    labels = workspace.column("class", np.int64, _WAS_READ)
    same = np.unique(workspace.column("same", np.int64, _WAS_READ), return_inverse=True)[1].reshape(-1)
    lowest, highest = np.full(len(same), len(labels) + labels.max(initial=0)), np.full(len(same), -1)
    np.minimum.at(lowest, same, labels)
    np.maximum.at(highest, same, labels)
    sets = np.flatnonzero((highest > lowest) & (highest >= 0))
    if not len(sets):
        return
    members = np.flatnonzero(same == sets[0])
    positions = workspace.column("position", np.int64, _WAS_READ)[
        [members[0], members[labels[members] != labels[members[0]]][0]]
    ]
    pair = [row for at in positions.tolist() for row in workspace.rows("id, label", f"position = {at}")]
    shown = " = ".join(f"{name} ({label})" for name, label in pair)
    noun = "set" if len(sets) == 1 else "sets"
    say(f"{len(sets)} {noun} of identical {nouns} with different labels, for example {shown}; `just audit` lists them")
