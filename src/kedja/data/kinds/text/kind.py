"""Preparation of texts: whose tokens, how many at the most, copies up to white space and case, storage."""

import hashlib
from array import array
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kedja.bundle.inputs.input import InputError
from kedja.bundle.inputs.text.spec import TextInput
from kedja.common.files import write_bytes
from kedja.data.kinds.kind import Chunk, Content, Kind, Result
from kedja.data.kinds.text.choose import choose_input
from kedja.data.kinds.text.near import near_pairs
from kedja.data.kinds.text.stored import OFFSETS, TEXTS, StoredTexts
from kedja.data.preparation.workspace import KEPT


class Texts(Kind):
    """Texts as one file in UTF-8, with the tokenizer beside it."""

    columns: ClassVar[Mapping[str, str]] = {
        "sha256": "TEXT",
        "bytes": "INTEGER",
        "same": "INTEGER",
        "characters": "INTEGER",
        "tokens": "INTEGER",
        "text": "TEXT",
    }
    index: ClassVar[Mapping[str, str]] = {
        "sha256": "sha256",
        "group": "grp",
        "bytes": "bytes",
        "characters": "characters",
        "tokens": "tokens",
        "identity": "printf('%016x', same)",
    }
    input: TextInput

    def choose(self, count: int, contents: Iterator[Content]) -> None:
        self.input = choose_input(self.settings, (bytes_of(one) for one in contents), self.workspace.folder)

    def decoder(self, count: int) -> Callable[[Chunk], list[Result]]:
        return partial(read_chunk, self.input)

    def near_pairs(self) -> NDArray[np.int64]:
        positions = self.workspace.column("position", np.int64, KEPT)
        same = np.unique(self.workspace.column("same", np.int64, KEPT), return_inverse=True)[1].astype(np.int64)
        return positions[near_pairs((text for (text,) in self.workspace.rows("text", KEPT)), same)]

    def write(self, folder: Path) -> None:
        offsets = array("q", [0])
        with (folder / TEXTS).open("wb") as file:
            for (text,) in self.workspace.rows("text", KEPT):
                file.write(text.encode())
                offsets.append(file.tell())
        np.save(folder / OFFSETS, np.array(offsets, np.int64))
        for name, content in self.input.files().items():
            write_bytes(folder / name, content)

    def storage(self) -> dict[str, Any]:
        return {"storage": "texts"}

    @classmethod
    def open(cls, folder: Path, description: Mapping[str, Any]) -> StoredTexts:
        return StoredTexts(folder, description)


def read_chunk(expected: TextInput, chunk: Chunk) -> list[Result]:
    """What `Texts.columns` say of each text, or why it is none."""
    return [_read(expected, position, content) for position, content in chunk]


def bytes_of(content: Content) -> bytes:
    """A text as the source has it: a file, or an array of its bytes."""
    data: bytes = content.tobytes() if isinstance(content, np.ndarray) else content.read_bytes()
    return data


def identity(text: str) -> int:
    """64 bits that are equal for texts that differ in white space and case alone."""
    plain = " ".join(text.casefold().split())
    return int.from_bytes(hashlib.sha256(plain.encode()).digest()[:8], "big", signed=True)


def _read(expected: TextInput, position: int, content: Content) -> Result:
    try:
        data = bytes_of(content)
        found = expected.decode(data)
    except OSError as error:
        return _failure("unreadable", f"it cannot be read: {error.strerror}", position)
    except InputError as error:
        return _failure(error.code, error.problem, position)
    text = data.decode("utf-8-sig")
    facts = (hashlib.sha256(data).hexdigest(), len(data), identity(text), found.characters)
    return (*facts, len(found.ids) + found.cut, text, "", "", position)


def _failure(code: str, reason: str, position: int) -> Result:
    return ("", 0, None, 0, 0, "", code, reason, position)
