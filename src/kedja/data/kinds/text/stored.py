"""The texts of a prepared data set, by position."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import Feed, Values
from kedja.bundle.inputs.text.spec import Text, TextInput
from kedja.data.kinds.stored import Stored
from kedja.data.kinds.text.near import near_pairs
from kedja.data.names import INDEX

if TYPE_CHECKING:
    from kedja.data.audit.index import FullIndex
    from kedja.data.kinds.stored import Check

# All texts in UTF-8, one behind the other, and int64 (N + 1,): where each begins, and where the last one ends.
TEXTS, OFFSETS = "texts.txt", "offsets.npy"
_SHOWN = 400


class StoredTexts(Stored):
    """Attributes:
    input: tokenizer and length.
    """

    input: TextInput

    def __init__(self, folder: Path, description: Mapping[str, Any]) -> None:
        self.folder = folder
        self.input = TextInput.from_json(description["input"]).located(folder)
        self._offsets: NDArray[np.int64] = np.load(folder / OFFSETS, mmap_mode="r")
        self._bytes: NDArray[np.uint8] = np.memmap(folder / TEXTS, np.uint8, "r")
        if self._offsets.shape != (description["examples"] + 1,) or self._offsets[-1] != len(self._bytes):
            raise ValueError(f"{OFFSETS} does not fit {TEXTS} and {description['examples']} examples")

    def read(self, positions: NDArray[np.int64]) -> Feed:
        return self.input.collate(self.decoded(positions))

    def decoded(self, positions: NDArray[np.int64]) -> list[Text]:
        """The texts as `TextInput.decode` has them, whose lengths differ."""
        return [self.input.decode(self.encoded(int(position))) for position in positions]

    def encoded(self, position: int) -> bytes:
        start, end = self._offsets[position : position + 2]
        return self._bytes[start:end].tobytes()

    def by_size(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        sizes = self._offsets[positions + 1] - self._offsets[positions]
        ordered: NDArray[np.int64] = positions[np.argsort(sizes, kind="stable")]
        return ordered

    def facts(self, positions: NDArray[np.int64]) -> Values:
        return {"characters": np.array([len(self._text(int(one))) for one in positions], np.float64)}

    def near_pairs(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        with (self.folder / INDEX).open(newline="", encoding="utf-8") as file:
            same = np.array([int(row["identity"], 16) for row in csv.DictReader(file)], np.uint64)[positions]
        numbers = np.unique(same, return_inverse=True)[1].astype(np.int64)
        return near_pairs((self._text(int(one)) for one in positions), numbers)

    def small(self, positions: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """What a text is about, in a hundred numbers: latent semantic analysis (Deerwester et al. 1990)."""
        from kedja.data.kinds.text import audit

        return audit.small([self._text(int(one)) for one in positions])

    def every_text(self) -> Iterator[str]:
        """In their order."""
        return (self._text(position) for position in range(len(self._offsets) - 1))

    def audit_checks(self) -> Sequence["Check"]:
        from kedja.data.kinds.text import audit

        return audit.cut_texts, audit.mixed_languages

    def audit_facts(self, index: "FullIndex") -> dict[str, Any]:
        from kedja.data.kinds.text import audit

        return {"length": self.input.length, **audit.facts(index), "languages": audit.languages(self.every_text())}

    def audit_rows(self, facts: dict[str, Any]) -> dict[str, str]:
        from kedja.data.kinds.text import audit

        return audit.rows(facts)

    def picture(self, position: int, title: str) -> str:
        text = self._text(position)
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        return f'<blockquote dir="auto" title="{escape(title, quote=True)}">{escape(shown)}</blockquote>'

    def _text(self, position: int) -> str:
        return self.encoded(position).decode("utf-8-sig")
