"""What the audit looks for in columns: what says nothing, too much, something impossible, or other things elsewhere."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.table.column import Column
from kedja.bundle.inputs.table.spec import CODES, NUMBERS, TableInput
from kedja.data.audit.finding import Finding, plural
from kedja.data.audit.index import FullIndex
from kedja.data.prepared import SPLITS, PreparedDataset

# A column that alone is right as often on rows that it was not fitted to says the label in other words.
LEAKING = 0.99
RARE = 5
# Population stability index: from here a column is distributed otherwise, beyond what chance does.
DRIFT, CHANCES = 0.1, 3.0
_PARTS = 10
# A value as far from all others as they are wide, and that comes again and again, is a mark and no measurement.
_FAR, _OFTEN = 1.0, 5
_SHOWN = 48
_ROWS = 100_000


def constant_columns(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Columns that say the same of every training row."""
    training = _some(data.split("train"))
    found = {}
    for column, values in _columns(data, training):
        if len(np.unique(values)) < 2:
            said = column.to_value(values[0]) if len(values) else None
            found[column.name] = "always missing" if said is None else f"always {said!r}"
    title = plural(len(found), "column that says the same of every training row")
    remedy = "it teaches nothing: columns=<name>:identifier leaves it out"
    return [Finding("constant-column", "warning", title, remedy, files=found)] if found else []


def left_out_columns(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Columns of the source that no model reads."""
    ignored = [name for name in _input(data).ignored if name != data.description["target"]]
    title = f"{plural(len(ignored), 'column')} of the source not read: {', '.join(ignored[:8])}"
    return [Finding("left-out", "note", title, "columns=<name>:category or :number takes one")] if ignored else []


def leaking_columns(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Columns that alone predict the label on rows that they were not fitted to."""
    training, others = _some(data.split("train")), _some(data.split("val"))
    labels, answers = data.labels[training], data.labels[others]
    if len(others) < RARE or len(np.unique(labels)) < 2:
        return []
    most = float((answers == np.bincount(labels).argmax()).mean())
    found = {}
    held = dict(enumerate(values for _, values in _columns(data, others)))
    for place, (column, values) in enumerate(_columns(data, training)):
        share = _alone(values, labels, held[place], answers)
        if share >= LEAKING and share > most + (1 - most) / 2:
            found[column.name] = f"alone right on {share:.1%} of the validation rows"
    title = plural(len(found), "column that alone predicts the label")
    remedy = "is it known before the label is? Else leave it out: columns=<name>:identifier"
    return [Finding("target-leak", "warning", title, remedy, files=found)] if found else []


def drifting_columns(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Columns that are distributed otherwise in a later split than in training."""
    training = _some(data.split("train"))
    found = {}
    for split in SPLITS[1:]:
        others = _some(data.split(split))
        if len(others) < _PARTS * RARE:
            continue
        for (column, before), (_, after) in zip(_columns(data, training), _columns(data, others), strict=True):
            index_, chance = _stability(before, after)
            if index_ > DRIFT + CHANCES * chance:
                found[f"{column.name} ({split})"] = f"population stability index {index_:.2f}; by chance {chance:.2f}"
    title = plural(len(found), "column distributed otherwise than in training")
    remedy = "are the splits of other times, places or instruments? Figures of the later ones count"
    return [Finding("split-drift", "warning", title, remedy, files=found)] if found else []


def unordered_time(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Dates, where the splits do not go by them."""
    dates = [column.name for column in _input(data).columns if column.type == "date"]
    stated = str(data.description.get("settings", {}).get("split", ""))
    if not dates or stated:
        return []
    title = f"rows have a time ({', '.join(dates)}), and training rows lie after test rows"
    remedy = f"split=time:{dates[0]} tests on the latest rows, as a model in use is tested"
    return [Finding("time-order", "note", title, remedy)]


def rare_categories(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Categories with hardly any training row, and those with none."""
    training = _some(data.split("train"))
    rare = {}
    for column, values in _columns(data, training):
        if column.is_number:
            continue
        counts = np.bincount(values[values >= 0].astype(np.int64), minlength=len(column.categories))
        few = [column.categories[code] for code in np.flatnonzero((counts > 0) & (counts < RARE))]
        if few:
            rare[column.name] = f"{len(few)} of {len(column.categories)} categories: {', '.join(few[:5])}"
    findings = []
    if rare:
        title = plural(len(rare), f"column with categories of fewer than {RARE} training rows")
        findings.append(Finding("rare-categories", "note", title, "put them together, or gather more", files=rare))
    lacking = data.description.get("untrained", {})
    if lacking:
        files = {
            name: ", ".join(f"{category} ({count})" for category, count in of.items()) for name, of in lacking.items()
        }
        title = plural(len(lacking), "column with categories that no training row has")
        findings.append(Finding("unseen-categories", "note", title, "they are answered like missing ones", files=files))
    return findings


def impossible_values(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Numbers that look like marks, such as 99999, and single negative ones among positive."""
    groups, captions = [], []
    every = _some(np.arange(len(data)))
    for column, values in _columns(data, every):
        if column.type != "number":
            continue
        for value, why in _strange(values):
            groups.append([int(every[place]) for place in np.flatnonzero(values == value)[:6]])
            captions.append(f"{column.name} = {value:g}: {why}")
    title = plural(len(groups), "value that can hardly be a measurement")
    remedy = "where it stands for something unknown, say so: missing=99999,…; an empty cell is"
    return [Finding("impossible-value", "warning", title, remedy, groups[:_SHOWN], captions[:_SHOWN])] if groups else []


CHECKS = (
    constant_columns,
    left_out_columns,
    leaking_columns,
    drifting_columns,
    unordered_time,
    rare_categories,
    impossible_values,
)


def facts(data_input: TableInput) -> dict[str, Any]:
    """The columns, in words."""
    return {"columns": {column.name: _words(column) for column in data_input.columns}}


def small(numbers: NDArray[np.float64], codes: NDArray[np.int32]) -> NDArray[np.float64]:
    """Float64 (n, features): numbers by their rank in 0…1, frequent categories one by one."""
    parts = []
    for values in numbers.T:
        known = np.sort(values[~np.isnan(values)])
        rank = np.searchsorted(known, values) / max(1, len(known))
        parts.append(np.where(np.isnan(values), 0.5, rank)[:, None])
    parts += [(values[:, None] == np.arange(min(30, values.max(initial=0) + 1))) / np.sqrt(2) for values in codes.T]
    return np.concatenate(parts, axis=1)


def _words(column: Column) -> str:
    missing = f"; {column.missing:,} missing" if column.missing else ""
    return f"{column.words}{missing}"


def _input(data: PreparedDataset) -> TableInput:
    return cast(TableInput, data.input)


def _some(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions, or a regular sample of very many."""
    return positions[:: max(1, -(-len(positions) // _ROWS))]


def _columns(data: PreparedDataset, positions: NDArray[np.int64]) -> Iterator[tuple[Column, NDArray[Any]]]:
    """Every column with its values at some positions."""
    feed, expected = data.read(positions), _input(data)
    numbers, codes = iter(feed[NUMBERS].T if NUMBERS in feed else ()), iter(feed[CODES].T if CODES in feed else ())
    for column in expected.columns:
        yield column, next(numbers if column.is_number else codes)


def _alone(values: NDArray[Any], labels: NDArray[np.int64], others: NDArray[Any], answers: NDArray[np.int64]) -> float:
    """How often a small tree of this column is right on other rows."""
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_leaf_nodes=64, min_samples_leaf=RARE, random_state=0)
    tree.fit(values[:, None], labels)
    return float((tree.predict(others[:, None]) == answers).mean())


def _stability(before: NDArray[Any], after: NDArray[Any]) -> tuple[float, float]:
    """The population stability index over tenths or categories, and what chance makes of it."""
    if before.dtype.kind == "f":
        known = before[~np.isnan(before)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _PARTS + 1)[1:-1])) if len(known) else known
        places = [np.where(np.isnan(one), len(edges) + 1, np.searchsorted(edges, one)) for one in (before, after)]
    else:
        places = [np.clip(one, -1, 2 * _PARTS) + 1 for one in (before, after)]
    bins = int(max(one.max() for one in places)) + 1
    counts = [np.bincount(one.astype(np.int64), minlength=bins) for one in places]
    shares = [(count + 0.5) / (count.sum() + 0.5 * bins) for count in counts]
    index = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    used = int((counts[0] + counts[1] > 0).sum())
    return index, (used - 1) * (1 / len(before) + 1 / len(after))


def _strange(values: NDArray[np.float64]) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []
    known, times = np.unique(values[~np.isnan(values)], return_counts=True)
    if len(known) < _PARTS:
        return found
    for end, nearest, others in ((-1, -2, known[:-1]), (0, 1, known[1:])):
        width, gap = others[-1] - others[0], abs(known[end] - known[nearest])
        if gap > _FAR * width and times[end] >= _OFTEN:
            found.append((float(known[end]), f"in {times[end]:,} rows, and the next is {known[nearest]:g}"))
    negative = known < 0
    rows = int(times[negative].sum())
    if 0 < rows <= 0.001 * times.sum() and not found:
        found += [(float(value), "negative, as hardly any other") for value in known[negative][:3]]
    return found
