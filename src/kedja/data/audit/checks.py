"""The checks of files, copies, splits and classes. Each takes the data set and its index and gives findings."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kedja.data.audit.finding import Finding, Severity, plural
from kedja.data.audit.index import FullIndex, class_names, read_rejected, split_names
from kedja.data.prepared import SPLITS, PreparedDataset
from kedja.data.splits.units import connect, equal_pairs

_FAILURES: dict[str, str] = {
    "empty": "file without content",
    "truncated": "{noun} that is cut off",
    "corrupt": "{noun} that is corrupt",
    "out-of-scale": "{noun} whose values are not on the data set's scale",
    "unknown-format": "file of no known {noun} format",
    "too-large": "{noun} over the limit of size",
    "unreadable": "file that cannot be opened",
    "crash": "{noun} that crashes its decoder",
    "leak": "{noun} left out because a later split has it",
    "near-duplicate": "near-duplicate left out as asked",
    "not-utf-8": "{noun} that is no UTF-8",
}


@dataclass(frozen=True)
class _Kind:
    name: str
    severity: Severity
    title: str
    remedy: str


# Copies across splits, with different labels, and neither.
_EXACT = (
    _Kind(
        "leak",
        "invalid",
        "identical {nouns} in more than one split",
        "remove the copies from training; `just data` does so unless leaks=keep is given",
    ),
    _Kind(
        "conflicting-labels",
        "invalid",
        "identical {nouns} with different labels",
        "decide which label is right and remove the others",
    ),
    _Kind("duplicate", "note", "identical {nouns} within a split", "harmless in small numbers"),
)
_ALIKE = (
    _Kind(
        "near-leak",
        "warning",
        "near-duplicates in more than one split",
        "near_duplicates=group keeps them on one side, near_duplicates=drop keeps one",
    ),
    _Kind("near-conflict", "warning", "near-duplicates with different labels", "decide which label is right"),
    _Kind("near-duplicate", "note", "near-duplicates within a split", "near_duplicates=drop keeps one of each"),
)
_LEFT_OUT_ON_PURPOSE = ("leak", "near-duplicate")


def unreadable_files(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """What preparation left out, by reason."""
    by_code: dict[str, dict[str, str]] = defaultdict(dict)
    for row in read_rejected(data):
        by_code[row["code"]][row["id"]] = row["reason"]
    findings = []
    for code, files in by_code.items():
        severity: Severity = "note" if code in _LEFT_OUT_ON_PURPOSE else "warning"
        remedy = "" if code in _LEFT_OUT_ON_PURPOSE else "they are not part of the data set; repair or remove them"
        title = plural(len(files), _FAILURES.get(code, code).format(noun=data.input.noun))
        findings.append(Finding(code, severity, title, remedy, files=files))
    return findings


def exact_copies(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Equal to a model: across splits, with different labels, or merely twice."""
    return _sorted_out(data, _members(connect(len(data), equal_pairs(index.same))), _EXACT)


def look_alikes(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Examples that are nearly the same."""
    pairs = data.stored.near_pairs(np.arange(len(data)))
    return _sorted_out(data, _members(connect(len(data), pairs)), _ALIKE)


def straddling_groups(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Groups of the source (one patient, one video, one author) with examples in more than one split."""
    sides: dict[str, list[int]] = defaultdict(list)
    for position, group in enumerate(index.groups):
        if group:
            sides[group].append(position)
    straddling = {g: p for g, p in sides.items() if len({int(data.splits[i]) for i in p}) > 1}
    if not straddling:
        return []
    return [
        Finding(
            "straddling-group",
            "invalid",
            plural(len(straddling), f"group with {data.input.nouns} in more than one split"),
            "the source's own splits part them; leave split= out to have the groups kept whole",
            [members[:6] for members in straddling.values()],
            [f"{group}: {split_names(data, members)}" for group, members in straddling.items()],
        )
    ]


def class_counts(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Classes that are missing from a split that has examples, and imbalance."""
    counts = data.description["counts"]
    findings = []
    for split in SPLITS:
        missing = {name: f"no {data.input.nouns}" for name, number in counts[split].items() if not number}
        if missing and len(missing) < len(data.classes):
            severity: Severity = "invalid" if split == "train" else "warning"
            have = "has" if len(missing) == 1 else "have"
            title = f"{len(missing)} of {len(data.classes)} classes {have} no {data.input.nouns} in {split}"
            findings.append(Finding(f"missing-in-{split}", severity, title, "", files=missing))
    present = [number for number in counts["train"].values() if number]
    if present and max(present) >= 2 * min(present):
        title = f"imbalanced: {min(present)} to {max(present)} training {data.input.nouns} a class"
        findings.append(
            Finding("imbalance", "note", title, "data.sampler=balanced or loss=balanced in training evens it")
        )
    return findings


def _sorted_out(data: PreparedDataset, groups: list[list[int]], kinds: tuple[_Kind, _Kind, _Kind]) -> list[Finding]:
    """Groups of copies by what is wrong with them; a group may be wrong in two ways."""
    across = [group for group in groups if len({int(data.splits[p]) for p in group}) > 1]
    conflicting = [group for group in groups if len({int(data.labels[p]) for p in group}) > 1]
    harmless = [group for group in groups if group not in across and group not in conflicting]
    findings = []
    for kind, of_kind in zip(kinds, (across, conflicting, harmless), strict=True):
        if of_kind:
            captions = [f"{split_names(data, group)}: {class_names(data, group)}" for group in of_kind]
            title = plural(len(of_kind), f"set of {kind.title.format(nouns=data.input.nouns)}")
            findings.append(Finding(kind.name, kind.severity, title, kind.remedy, of_kind, captions))
    return findings


def _members(units: NDArray[np.int64]) -> list[list[int]]:
    """The units of two examples or more, as positions."""
    order = np.argsort(units, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(units[order])) + 1)
    return [part.tolist() for part in parts if len(part) > 1]
