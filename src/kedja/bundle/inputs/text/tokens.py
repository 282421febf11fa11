"""Text → token ids by `tokenizer.json`: the only implementation, used by every link of the chain."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError

# Letters.
_HELD_FOR = 500
_REMEDY = "prepare the data, or export the bundle, again"


class Tokens:
    """A tokenizer of the library `tokenizers`; safe to use from several threads.

    Attributes:
        content: of its file.
        sha256: of its content.
        padding, unknown: their ids; -1 where the tokenizer knows no unknown token.
        marks: ids of what stands behind every text, which stays when a text is cut.

    Raises:
        KedjaError: the content is no tokenizer, or the library is missing.
    """

    def __init__(self, content: bytes, where: Path) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise KedjaError("texts need the package tokenizers", "just env groups=serve,text") from None
        self.content, self.sha256 = content, hashlib.sha256(content).hexdigest()
        try:
            self._tokenizer: Any = Tokenizer.from_buffer(content)
        except Exception as error:  # noqa: BLE001 -- the library raises Exception itself
            raise KedjaError(f"{where} is no tokenizer: {error}", "a tokenizer.json as the library writes it") from None
        padding = self._tokenizer.padding or {}
        self.padding = int(padding.get("pad_id", 0))
        # Cutting and padding are the `Input`'s: a file that cuts would hide how much was left out.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        unknown = self._tokenizer.token_to_id(str(getattr(self._tokenizer.model, "unk_token", None)))
        self.unknown = -1 if unknown is None else int(unknown)
        self.vocabulary = len(self.pieces())
        self._before, self.marks = self._find_marks()

    def ids(self, text: str) -> list[int]:
        """All tokens of a text, with the marks of its beginning and end."""
        if len(text) <= _HELD_FOR:
            found: list[int] = self._tokenizer.encode(text).ids
            return found
        # `encode` keeps the interpreter from all other threads meanwhile, up to 6 ms for a thousand letters.
        ids: list[int] = self._tokenizer.encode_batch_fast([text])[0].ids
        return ids

    def cut(self, ids: list[int], length: int) -> list[int]:
        """At the most `length` of them, the marks of the end kept."""
        return ids if len(ids) <= length else ids[: length - len(self.marks)] + self.marks

    def pieces(self) -> list[str]:
        """What each id stands for."""
        spelt: dict[str, int] = self._tokenizer.get_vocab()
        pieces = [""] * (max(spelt.values()) + 1)
        for piece, number in spelt.items():
            pieces[number] = piece
        return pieces

    def _find_marks(self) -> tuple[list[int], list[int]]:
        """What stands before and behind every text."""
        whole, bare = self._tokenizer.encode("a"), self._tokenizer.encode("a", add_special_tokens=False)
        start = whole.special_tokens_mask.index(0) if 0 in whole.special_tokens_mask else 0
        return whole.ids[:start], whole.ids[start + len(bare.ids) :]


def open_tokens(path: Path, sha256: str) -> Tokens:
    """The tokenizer of that hash; read from `path` once a process, since the folder may be replaced while it serves.

    Raises:
        KedjaError: it is missing, damaged, or another one.
    """
    return _opened(sha256, path)


@lru_cache(maxsize=2)
def tokens_of(content: bytes) -> Tokens:
    """The tokenizer of a file's content."""
    return Tokens(content, Path("tokenizer.json"))


@lru_cache(maxsize=8)
def _opened(sha256: str, path: Path) -> Tokens:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KedjaError(f"{path} cannot be read: {error.strerror}", _REMEDY) from None
    found = Tokens(content, path)
    if found.sha256 != sha256:
        raise KedjaError(f"{path} is another tokenizer than the one of the training", _REMEDY)
    return found
