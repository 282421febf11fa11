"""How often which n-grams occur in texts: of tokens, and of the characters inside each token.

All of it is counted from token ids. So there is one tokenizer, and the exported graph counts the same: ONNX has an
operator for n-grams of whole numbers, and none that would split words as scikit-learn does.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from kedja.baselines.texts.counted import CHARACTER_ORDERS, TOKEN_ORDERS

# Of a longer token the rest is not spelt.
LONGEST = 16
_CHUNK = 1024
# How the pieces of a tokenizer say that they continue a word, or begin one (WordPiece, SentencePiece, bytes).
_CONTINUES, _BEGINS = "##", ("▁", "Ġ")

Counts = Any  # scipy.sparse.csr_matrix


def spelling(pieces: Sequence[str]) -> NDArray[np.uint8]:
    """Uint8 (ids + 1, LONGEST + 2): the characters of each token by number, behind a row for no token.

    Zero stands for nothing, also behind every token, so that no n-gram reaches from one into the next. A word begins
    with a space. The 254 most frequent characters have numbers, the others share one.
    """
    spelt = [_spell(piece) for piece in pieces]
    signs, counts = np.unique(list("".join(spelt)), return_counts=True)
    ranked = [str(sign) for sign in signs[np.lexsort((signs, -counts))]]
    numbers = {sign: min(rank, 254) + 1 for rank, sign in enumerate(ranked)}
    table = np.zeros((len(pieces) + 1, LONGEST + 2), np.uint8)
    for row, text in enumerate(spelt, 1):
        codes = [numbers[sign] for sign in text[: LONGEST + 1]]
        table[row, : len(codes)] = codes
    return table


class TokenNgrams(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Token ids int64 (N, length) → 1 + log of how often each n-gram occurs, or 0: sparse float64 (N, n-grams).

    Args:
        spelling: see above.
        padding: the id that stands for no token.
        least: texts that an n-gram must occur in.
    """

    def __init__(self, spelling: NDArray[np.uint8], padding: int, least: int = 2) -> None:
        self.spelling, self.padding, self.least = spelling, padding, least

    def fit(self, x: NDArray[np.int64], y: Any = None) -> "TokenNgrams":
        """Find the n-grams: `token_keys_`, `character_keys_`, ascending, see `keys`."""
        self.token_keys_, self.character_keys_ = (
            _frequent([part[place] for part in self._parts(x)], self.least) for place in (0, 1)
        )
        return self

    def transform(self, x: NDArray[np.int64]) -> Counts:
        return sparse.vstack([self._count(tokens, characters) for tokens, characters in self._parts(x)], "csr")

    def codes(self, x: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of tokens (N, length) and of characters (N, length × …), zero for none."""
        tokens = np.where(x == self.padding, 0, x + 1)
        return tokens, self.spelling[tokens].reshape(len(x), -1).astype(np.int64)

    @property
    def bases(self) -> tuple[int, int]:
        """How many numbers tokens and characters may have."""
        return len(self.spelling), 256

    def _parts(self, x: NDArray[np.int64]) -> "Iterator[tuple[_Keys, _Keys]]":
        for start in range(0, len(x), _CHUNK):
            tokens, characters = self.codes(x[start : start + _CHUNK])
            yield keys(tokens, self.bases[0], TOKEN_ORDERS), keys(characters, self.bases[1], CHARACTER_ORDERS)

    def _count(self, tokens: "_Keys", characters: "_Keys") -> Counts:
        counts = sparse.hstack([_columns(tokens, self.token_keys_), _columns(characters, self.character_keys_)], "csr")
        counts.data = 1 + np.log(counts.data)
        return counts


class _Keys:
    """The n-grams of `count` texts: of each its text's row, and its number."""

    def __init__(self, count: int, rows: NDArray[np.int64], numbers: NDArray[np.int64]) -> None:
        self.count, self.rows, self.numbers = count, rows, numbers


def keys(codes: NDArray[np.int64], base: int, orders: Sequence[int]) -> _Keys:
    """The n-grams of some orders: their codes are the digits of a number; those with a zero are none."""
    rows, numbers = [], []
    for order in orders:
        if order > codes.shape[1]:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(codes, order, axis=1)
        row, start = np.nonzero((windows != 0).all(axis=2))
        number = np.zeros(len(row), np.int64)
        for place in range(order):
            number = number * base + codes[row, start + place]
        rows.append(row)
        numbers.append(number)
    return _Keys(len(codes), *(np.concatenate([np.empty(0, np.int64), *part]) for part in (rows, numbers)))


def digits(numbers: NDArray[np.int64], base: int) -> dict[int, NDArray[np.int64]]:
    """The inverse of `keys`: order → (n-grams, order) codes, in their order."""
    found = {}
    order = 1
    while len(numbers):
        mine = numbers[numbers < base**order]
        found[order] = np.stack([mine // base**place % base for place in range(order - 1, -1, -1)], axis=1)
        numbers, order = numbers[len(mine) :], order + 1
    return found


def _frequent(parts: Sequence[_Keys], least: int) -> NDArray[np.int64]:
    once = [np.unique(np.stack([part.rows, part.numbers], axis=1), axis=0)[:, 1] for part in parts]
    numbers, texts = np.unique(np.concatenate(once), return_counts=True)
    found: NDArray[np.int64] = numbers[texts >= least]
    return found


def _columns(found: _Keys, known: NDArray[np.int64]) -> Counts:
    place = np.searchsorted(known, found.numbers)
    place[place == len(known)] = 0
    right = known[place] == found.numbers if len(known) else np.zeros(len(place), np.bool_)
    ones = np.ones(int(right.sum()))
    # Equal places are added up.
    return sparse.csr_matrix((ones, (found.rows[right], place[right])), shape=(found.count, len(known)))


def _spell(piece: str) -> str:
    if piece.startswith("[") and piece.endswith("]") and len(piece) > len("[]"):
        return ""
    if piece.startswith(_CONTINUES):
        return piece.removeprefix(_CONTINUES)
    return f" {piece.removeprefix(_BEGINS[0]).removeprefix(_BEGINS[1])}"
