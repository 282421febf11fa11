"""Classes and splits of the images that were read: what stays together, what is given, what is left out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kedja.common.errors import KedjaError
from kedja.common.progress import say
from kedja.data.kinds.kind import Kind
from kedja.data.names import natural_order
from kedja.data.preparation.remarks import say_alike_classes, say_contradictions, say_lost_classes
from kedja.data.preparation.workspace import KEPT, Workspace
from kedja.data.prepared import SPLITS
from kedja.data.settings import Settings
from kedja.data.splits import assign as splits
from kedja.data.splits.shoots import separable
from kedja.data.splits.units import connect, equal_pairs

UNKNOWN_SPLIT = -1


def number_classes(workspace: Workspace, names: Sequence[str] | None, nouns: str) -> list[str]:
    """Write the class index of every image that was read; the class names in order."""
    found = [label for (label,) in workspace.table(f"SELECT DISTINCT label FROM examples WHERE {KEPT}")]  # noqa: S608 -- no outside text
    classes = list(names) if names is not None else sorted(found, key=natural_order)
    strangers = sorted(set(found) - set(classes))
    if strangers:
        raise KedjaError(f"the {nouns} have classes that the source does not list: {', '.join(strangers[:5])}")
    if len(found) < 2:
        raise KedjaError(
            f"the {nouns} have one class only: {found}", "a classifier needs two; is label= the right folder?"
        )
    workspace.set_classes(classes)
    say_alike_classes(classes)
    say_lost_classes(workspace)
    return classes


def allot(kind: Kind) -> None:
    """Write the split of every image that was read; leave out copies as the settings ask."""
    workspace, settings = kind.workspace, kind.settings
    pairs = kind.near_pairs()
    if settings.near_duplicates != "report" and not len(pairs):
        nouns = kind.input.nouns
        say(f"no near-duplicates were found, or all {nouns} resemble each other too much for copies to be told")
    if settings.near_duplicates == "drop" and len(pairs):
        _drop_look_alikes(workspace, pairs, kind.input.nouns)
        pairs = pairs[:0]
    positions = workspace.column("position", np.int64, KEPT)
    given = workspace.column(_given_as_number(), np.int64, KEPT)
    labels = workspace.column("class", np.int64, KEPT)
    if not {1, 2} <= set(np.unique(given).tolist()):
        _group_shoots(kind)
    near = np.searchsorted(positions, pairs)
    units = _units(workspace, near if settings.near_duplicates == "group" else near[:0], len(positions))
    present = set(np.unique(given).tolist()) - {UNKNOWN_SPLIT}
    if present <= {0}:
        # No splits, or all in train/: an ordinary data set.
        ids = (name for (name,) in workspace.rows("id", KEPT))
        assigned = splits.assign(labels, ids, units, settings.fractions, settings.seed)
    else:
        assigned = _complete(workspace, settings, given, labels, units, nouns=kind.input.nouns)
        _drop_leaks(workspace, settings, positions, assigned, kind.input.nouns)
    _say_look_alikes(near, assigned, kind.input.nouns)
    say_contradictions(workspace, kind.input.nouns)
    workspace.write_column("split", positions, assigned.tolist())


def _group_shoots(kind: Kind) -> None:
    """Make what was taken in one go a group, where the source names none and splits are to be dealt."""
    workspace = kind.workspace
    if kind.settings.shoots == "ignore" or workspace.total("count(*)", "grp <> ''") or not any(shoots := kind.shoots()):
        return
    labels = [label for (label,) in workspace.rows("label", KEPT)]
    shoots, few = separable(labels, shoots)
    number, photographs = len(set(shoots) - {""}), sum(map(bool, shoots))
    if number:
        say(
            f"{photographs:,} {kind.input.nouns} were taken in {number:,} shoots, each of which stays on one side "
            "(shoots=ignore deals them one by one)"
        )
    if few:
        names = ", ".join(few[:3]) + (f" and {len(few) - 3} more" if len(few) > 3 else "")
        say(
            f"note: all {kind.input.nouns} of {names} were taken in one go or two, so validation and test cannot tell "
            "what new ones will bring: add some of another day"
        )
    workspace.write_column("grp", workspace.column("position", np.int64, KEPT), shoots)


def _drop_look_alikes(workspace: Workspace, pairs: NDArray[np.int64], nouns: str) -> None:
    """Keep one of each set of near-duplicates: of the latest given split, and of these the first."""
    positions = workspace.column("position", np.int64, KEPT)
    given = workspace.column(_given_as_number(), np.int64, KEPT)
    same = workspace.column("same", np.int64, KEPT)
    units = connect(len(positions), np.concatenate([np.searchsorted(positions, pairs), equal_pairs(same)]))
    several = np.isin(units, units[np.searchsorted(positions, pairs[:, 0])])
    order = np.lexsort((positions, -given, units))
    keepers = order[np.unique(units[order], return_index=True)[1]]
    dropped = several.copy()
    dropped[keepers] = False
    workspace.reject(
        positions[dropped], "near-duplicate", ["it looks like an image that was kept"] * int(dropped.sum())
    )
    say(f"left out {int(dropped.sum())} {nouns} that look like another one (listed in rejected.csv)")


def _say_look_alikes(near: NDArray[np.int64], assigned: NDArray[np.int64], nouns: str) -> None:
    if not len(near):
        return
    across = int((assigned[near[:, 0]] != assigned[near[:, 1]]).sum())
    advice = "; near_duplicates=group keeps them on one side, `just audit` shows them" if across else ""
    say(f"{len(near)} pairs of {nouns} look alike, {across} of them across splits{advice}")


def _given_as_number() -> str:
    cases = " ".join(f"WHEN '{name}' THEN {number}" for number, name in enumerate(SPLITS))
    return f"CASE given {cases} ELSE {UNKNOWN_SPLIT} END"


def _units(workspace: Workspace, near: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Numbers of what stays together: equal pixels, one group, and near-duplicates where that was asked."""
    pairs = [near, equal_pairs(workspace.column("same", np.int64, KEPT))]
    if workspace.total("count(*)", "grp <> ''"):
        groups = workspace.group_numbers(KEPT)
        pairs.append(equal_pairs(groups))
    return connect(count, np.concatenate(pairs))


def _complete(
    workspace: Workspace,
    settings: Settings,
    given: NDArray[np.int64],
    labels: NDArray[np.int64],
    units: NDArray[np.int64],
    *,
    nouns: str,
) -> NDArray[np.int64]:
    """The given splits, with a validation split dealt from the training images where there is none."""
    assigned = np.where(given == UNKNOWN_SPLIT, 0, given)
    if not (assigned == 0).any():
        raise KedjaError(f"the source has no training {nouns}", "name one of its splits train")
    unsplit = int((given == UNKNOWN_SPLIT).sum())
    if unsplit:
        say(f"{unsplit:,} {nouns} whose split the source does not say were put to train")
    if not (assigned == 1).any():
        train, validation, _ = settings.fractions
        training = assigned == 0
        where = f"{KEPT} AND given IN ('train', '')"
        ids = (name for (name,) in workspace.rows("id", where))
        shares = (train, validation, 0.0)
        assigned[training] = splits.assign(labels[training], ids, units[training], shares, settings.seed)
        say(f"no validation split given: {int((assigned == 1).sum()):,} training {nouns} were set aside for it")
    if not (assigned == 2).any():
        say("no test split given: none is made; final figures will be those of the validation split")
    return assigned


def _drop_leaks(
    workspace: Workspace, settings: Settings, positions: NDArray[np.int64], assigned: NDArray[np.int64], nouns: str
) -> None:
    """Leave out training images that are in val or test too, and validation images that are in test too."""
    _, same = np.unique(workspace.column("same", np.int64, KEPT), return_inverse=True)
    strongest = np.zeros(int(same.max(initial=-1)) + 1, np.int64)
    np.maximum.at(strongest, same, assigned)
    leaking = assigned < strongest[same]
    if not leaking.any():
        return
    number = int(leaking.sum())
    if settings.leaks == "keep":
        say(f"{number} {nouns} of one split are in a later one too, kept as asked (leaks=keep)")
        return
    reasons = [f"the same pixels are in {SPLITS[split]}" for split in strongest[same][leaking]]
    workspace.reject(positions[leaking], "leak", reasons)
    say(f"left out {number} {nouns} that are in a later split too (listed in rejected.csv; leaks=keep keeps them)")
