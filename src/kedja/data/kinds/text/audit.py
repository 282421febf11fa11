"""What the audit looks for in texts, and what it says of their lengths."""

from typing import Any

import numpy as np

from kedja.data.audit.finding import Finding, plural
from kedja.data.audit.index import FullIndex
from kedja.data.prepared import PreparedDataset


def cut_texts(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Texts of which the end is not read."""
    length = data.input.to_json()["length"]
    cut = [[int(one)] for one in np.flatnonzero(np.array(index.numbers("tokens")) > length)]
    if not cut:
        return []
    remedy = f"length= reads more than {length} tokens; a longer input takes longer to train and to serve"
    captions = [f"{index.columns['tokens'][group[0]]} tokens" for group in cut]
    return [Finding("cut", "warning", f"{plural(len(cut), 'text')} longer than is read", remedy, cut, captions)]


def facts(index: FullIndex) -> dict[str, Any]:
    """Lengths of the originals: the least, the median, the most."""
    return {name: _range(np.array(index.numbers(name))) for name in ("characters", "tokens")}


def rows(facts: dict[str, Any]) -> dict[str, str]:
    """The facts in words."""
    spans = {
        name: "{} to {} (median {})".format(*np.array(facts[name])[[0, 2, 1]]) for name in ("characters", "tokens")
    }
    return {"tokens that are read": f"at most {facts['length']}", **spans}


def _range(values: "np.ndarray[Any, Any]") -> list[int]:
    return [int(values.min()), int(np.median(values)), int(values.max())]
