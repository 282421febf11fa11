"""What the audit looks for in texts, and what it says of their lengths and languages."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from kedja.data.audit.finding import Finding, plural
from kedja.data.audit.index import FullIndex
from kedja.data.kinds.text.languages import UNCLEAR, language, mix
from kedja.data.prepared import PreparedDataset

if TYPE_CHECKING:
    from kedja.data.kinds.text.stored import StoredTexts

# Of texts whose language shows: so many in another one are no slips.
MIXED = 0.01
_COMPONENTS = 100
# Where there are many texts, so many say which languages there are.
_LOOKED_AT = 50_000


def cut_texts(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Texts of which the end is not read."""
    length = data.input.to_json()["length"]
    cut = [[int(one)] for one in np.flatnonzero(np.array(index.numbers("tokens")) > length)]
    if not cut:
        return []
    remedy = f"length= reads more than {length} tokens; a longer input takes longer to train and to serve"
    captions = [f"{index.columns['tokens'][group[0]]} tokens" for group in cut]
    return [Finding("cut", "warning", f"{plural(len(cut), 'text')} longer than is read", remedy, cut, captions)]


def mixed_languages(data: PreparedDataset, index: FullIndex) -> list[Finding]:
    """Texts in other languages than most, where there are enough of them to matter."""
    found = languages(cast("StoredTexts", data.stored).every_text())
    clear = {name: count for name, count in found.items() if name != UNCLEAR}
    others = list(clear)[1:]
    strange = sum(clear[name] for name in others)
    if strange <= MIXED * sum(clear.values()):
        return []
    stored = cast("StoredTexts", data.stored)
    named = ((place, language(text)) for place, text in enumerate(stored.every_text()))
    groups = [([place], name) for place, name in named if name in others]
    title = f"several languages: {_in_words(found)}"
    remedy = "told by script and small words; a tokenizer and an encoder of one language see little of the others"
    return [Finding("languages", "note", title, remedy, [one for one, _ in groups], [name for _, name in groups])]


def languages(texts: Iterable[str]) -> dict[str, int]:
    """Language → how many texts, of the first 50,000."""
    return mix(text for _, text in zip(range(_LOOKED_AT), texts, strict=False))


def small(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """Float64 (n, 100), each row of length one; None of texts that have too few words in common."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    try:
        counts = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2)).fit_transform(texts)
    except ValueError:
        return None
    if min(counts.shape) <= 2:
        return None
    found = TruncatedSVD(min(_COMPONENTS, *(size - 1 for size in counts.shape)), random_state=0).fit_transform(counts)
    rows: NDArray[np.float64] = normalize(found)
    return rows


def facts(index: FullIndex) -> dict[str, Any]:
    """Lengths of the originals: the least, the median, the 99th of 100, the most."""
    return {name: _range(np.array(index.numbers(name))) for name in ("characters", "tokens")}


def rows(facts: dict[str, Any]) -> dict[str, str]:
    """The facts in words."""
    words = "{} to {} (median {}, 99 of 100 up to {})"
    spans = {name: words.format(*np.array(facts[name])[[0, 3, 1, 2]]) for name in ("characters", "tokens")}
    told = {"languages, by script and small words": _in_words(facts["languages"])}
    return {"tokens that are read": f"at most {facts['length']}", **spans, **told}


def _in_words(languages: dict[str, int]) -> str:
    total = sum(languages.values())
    return ", ".join(f"{name} {count / total:.1%}" for name, count in languages.items())


def _range(values: NDArray[np.int64]) -> list[int]:
    return [int(values.min()), int(np.median(values)), int(np.quantile(values, 0.99)), int(values.max())]
