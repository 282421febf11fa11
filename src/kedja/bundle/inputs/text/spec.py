"""What a model expects of a text: whose tokens, and how many at the most. Standard library and numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from kedja.bundle.inputs.input import (
    NO_LIMITS,
    Costly,
    Example,
    Feed,
    InputError,
    Limits,
    Tensor,
    Values,
    json_type,
)
from kedja.bundle.inputs.optional import Portable
from kedja.common.errors import KedjaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kedja.bundle.inputs.text.tokens import Tokens

IDS, MASK = "input_ids", "attention_mask"
TOKENIZER = "tokenizer.json"
# A request's texts may be cut in a thread up to so many bytes: 6 µs for each at the worst (long words in many pieces).
_PLAIN_BYTES = 50_000
# Of memory for each byte while it is cut: a token with what the library notes of it.
_BYTES_A_BYTE = 400
# A tokenizer marks beginning and end: shorter there would be room for nothing else.
SHORTEST = 4


class Text(NamedTuple):
    """Attributes:
    ids: int64 (tokens,), cut to the maximum length.
    cut: how many tokens were left out behind them.
    characters: of the whole text.
    """

    ids: "NDArray[np.int64]"
    cut: int
    characters: int


@dataclass(frozen=True)
class TextInput(Portable):
    """Token ids, padded to the longest text of a batch.

    Attributes:
        tokenizer: SHA-256 of `tokenizer.json`, which lies beside the settings (in the data set, in the bundle).
        vocabulary: number of ids.
        padding, unknown: their ids; -1 where the tokenizer knows no unknown token.
        length: tokens at the most, marks of beginning and end included; what is behind them is cut off.
    """

    kind: ClassVar[str] = "text"
    noun: ClassVar[str] = "text"
    nouns: ClassVar[str] = "texts"
    media_types: ClassVar[tuple[str, ...]] = ("text/plain", "application/octet-stream")
    suffixes: ClassVar[frozenset[str]] = frozenset({".txt"})
    hint: ClassVar[str] = '{"text": "…"}'

    tokenizer: str
    vocabulary: int
    padding: int
    unknown: int
    length: int

    # Where `tokenizer.json` lies, or its content: of this copy, not of the settings.
    _folder: ClassVar[Path | None] = None
    _content: ClassVar[bytes] = b""

    def __post_init__(self) -> None:
        if self.length < SHORTEST:
            raise KedjaError(f"length={self.length} tokens hold no text", f"length={SHORTEST} or more")
        if not 0 <= self.padding < self.vocabulary or not -1 <= self.unknown < self.vocabulary:
            raise KedjaError(f"padding={self.padding} or unknown={self.unknown} is no id below {self.vocabulary}")

    def located(self, folder: Path) -> Self:
        copy = type(self)(**asdict(self))
        object.__setattr__(copy, "_folder", folder)
        return copy

    def carrying(self, files: Mapping[str, bytes]) -> Self:
        copy = type(self)(**asdict(self))
        object.__setattr__(copy, "_content", files[TOKENIZER])
        return copy

    def files(self) -> dict[str, bytes]:
        return {TOKENIZER: self._tokens().content}

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """``input_ids`` and ``attention_mask`` (1 where there is a token): int64 (N, length of the longest text)."""
        return Tensor(IDS, "int64", ("length",)), Tensor(MASK, "int64", ("length",))

    def decode(self, data: bytes, limits: Limits = NO_LIMITS) -> Text:
        import numpy as np

        if len(data) > limits.text_bytes:
            problem = f"the text has {len(data):,} bytes; {limits.text_bytes:,} are allowed"
            raise InputError("too-long", problem, "send a shorter one, or its parts")
        _charge(len(data), limits)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError("not-utf-8", f"the text is not UTF-8: {error.reason} at byte {error.start}") from None
        if not text.strip():
            raise InputError("empty", "the text is empty")
        ids = self._tokens().ids(text)
        kept = self._tokens().cut(ids, self.length)
        return Text(np.array(kept, np.int64), len(ids) - len(kept), len(text))

    def from_value(self, value: Any, limits: Limits = NO_LIMITS) -> Text:
        if not isinstance(value, str):
            raise InputError("invalid-input", f"`text` is no string but {json_type(value)}")
        try:
            return self.decode(value.encode(), limits)
        except UnicodeEncodeError:
            raise InputError("not-utf-8", "the text holds half a surrogate pair, which is no character") from None

    def pack(self, example: Example) -> Any:
        return example.ids.tobytes(), example.cut, example.characters

    def unpack(self, packed: Any) -> Text:
        import numpy as np

        try:
            content, cut, characters = packed
            ids = np.frombuffer(content, np.int64)
            if not 0 < len(ids) <= self.length or ids.min() < 0 or ids.max() >= self.vocabulary:
                raise ValueError("ids of no text")
            return Text(ids, int(cut), int(characters))
        except TypeError as error:
            raise ValueError(str(error)) from None

    def to_value(self, data: bytes) -> str:
        return data.decode("utf-8-sig")

    def collate(self, examples: Sequence[Example]) -> Feed:
        import numpy as np

        ids = np.full((len(examples), max(len(one.ids) for one in examples)), self.padding, np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(examples):
            ids[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = 1
        return {IDS: ids, MASK: mask}

    def features(self, feed: Feed) -> Values:
        """``tokens``, as the model sees them, and the ``unknown`` share of them."""
        import numpy as np

        tokens = feed[MASK].sum(axis=1).astype(np.float64)
        unknown = ((feed[IDS] == self.unknown) & (feed[MASK] == 1)).sum(axis=1)
        return {"tokens": tokens, "unknown": unknown / tokens}

    def facts(self, examples: Sequence[Example]) -> Values:
        import numpy as np

        return {"characters": np.array([one.characters for one in examples], np.float64)}

    def remarks(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """What was cut off, where something was."""
        return [
            {"truncated": {"tokens": len(one.ids) + one.cut, "read": len(one.ids)}} if one.cut else {}
            for one in examples
        ]

    def value_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "description": f"a text; {self.length} tokens of it are read"}

    @property
    def summary(self) -> str:
        return f"of up to {self.length} tokens"

    def describe(self) -> list[str]:
        return [
            f"`{IDS}`, `{MASK}`: int64 (N, length), the ids of `{TOKENIZER}` (SHA-256 `{self.tokenizer[:12]}…`, "
            f"{self.vocabulary:,} of them), padded with {self.padding}; the mask is 1 where there is a token",
            f"a text is read up to {self.length} tokens; the answer says `truncated` where there are more",
        ]

    def suffix(self, data: bytes) -> str:
        return ".txt"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def pieces(self) -> list[str]:
        """What each id stands for, in the tokenizer's spelling."""
        return self._tokens().pieces()

    def _tokens(self) -> "Tokens":
        from kedja.bundle.inputs.text.tokens import open_tokens, tokens_of

        if self._content:
            return tokens_of(self._content)
        assert self._folder is not None, "where its tokenizer lies was not said: `located`"
        return open_tokens(self._folder / TOKENIZER, self.tokenizer)


def _charge(size: int, limits: Limits) -> None:
    """Add a text to what its request spent, and wait for the memory that it needs; raises `Costly`, `InputError`."""
    spent = limits.spent
    if spent is None:
        return
    spent.text += size
    if limits.plain and spent.text > _PLAIN_BYTES:
        raise Costly
    need = spent.memory + _BYTES_A_BYTE * size
    if need > limits.memory:
        problem = f"a text of {size:,} bytes takes {need:,} while it is cut, more than the limit of {limits.memory:,}"
        raise InputError("too-large", problem, "send a shorter one, or raise memory")
    if limits.grant:
        limits.grant(need)
