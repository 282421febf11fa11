"""The seam between kinds of examples and everything else: who wants to know what an example is asks its `Input`.

An example is always the content of a file: a photograph, a text in UTF-8, a row as JSON. So every kind is uploaded,
read from a folder, kept as a golden example and decoded in the same way.
"""

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from kedja.bundle.validate import check_types
from kedja.common.errors import KedjaError

# What a graph takes: tensor name → array (N, …), the same N for all. And features that drift compares: name → float64
# (N,), NaN where an example has none. A bundle's metadata is read where there is no numpy.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kedja.bundle.explanation import Explanation, Parts

    Feed = dict[str, NDArray[Any]]
    Values = dict[str, NDArray[np.float64]]
else:
    Feed = Values = dict
# What `Input.decode` makes of one example; only its own `Input` looks inside.
Example = Any

NPY = "application/x-npy"
# Bytes that a request may take in a thread: with more it is not plainly cheap.
PLAIN_MEMORY = 20_000_000


class InputError(KedjaError):
    """What was sent is no example that the model can take.

    Args:
        code: a stable word for programs; one that begins with ``too-`` says that less would be welcome.
    """

    def __init__(self, code: str, problem: str, remedy: str = "") -> None:
        self.code = code
        super().__init__(problem, remedy)


@dataclass(frozen=True)
class Tensor:
    """An input of the graph.

    Attributes:
        dtype: numpy's name, for example ``uint8``; ``str`` for texts.
        shape: of one example, without N; a word stands for a dimension that may differ from call to call.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]


class Costly(Exception):  # noqa: N818 -- no fault of anybody's
    """What was sent is not plainly cheap to decode: to be done where it can be killed, or not at all."""


@dataclass
class Spent:
    """What the examples of a request took so far.

    Attributes:
        pixels, scans, tiles: of its images; a scan is a pass of a JPEG over its pixels.
        work: pixels × scans.
        text: bytes of its texts.
        memory: bytes that decoding takes at once, with what it gives.
    """

    pixels: int = 0
    scans: int = 0
    tiles: int = 0
    work: int = 0
    text: int = 0
    memory: int = 0


@dataclass(frozen=True)
class Limits:
    """What one request may ask for.

    Attributes:
        examples: how many.
        pixels: of each image; of all images of a request `IMAGES_IN_ONE` times that.
        formats: of encoded images, by `Input.format`; None: whatever can be decoded.
        memory: bytes that decoding may take.
        plain: whether what is not plainly cheap raises `Costly`.
        spent: of this request; None: there is no request, and only `examples` and `pixels` hold.
        grant: called with the bytes that are needed in all, before they are; waits until they are free, or raises.
        text_bytes: of each text.
    """

    examples: int = sys.maxsize
    pixels: int = 100_000_000
    formats: frozenset[str] | None = None
    memory: int = sys.maxsize
    plain: bool = False
    spent: Spent | None = None
    grant: Callable[[int], None] | None = None
    text_bytes: int = 10_000_000

    def of_request(self, *, plain: bool = False, grant: Callable[[int], None] | None = None) -> "Limits":
        """The same for a new request, of which nothing is spent."""
        return replace(self, plain=plain, spent=Spent(), grant=grant)


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Examples:
    """The examples of one request.

    Attributes:
        many: whether a list was sent, so that a list is the answer, whatever its length.
    """

    items: Sequence[Example]
    many: bool


class Input(ABC):
    """What a model expects of an example: the settings that travel with the weights, and all that follows from them.

    Attributes:
        kind: its name in `registry`.
        noun, nouns: for people, and the keys of JSON bodies with one example and with several.
        media_types: of bodies, the first recommended: each is one example, but for `NPY`.
        suffixes: of files that hold an example, in lower case with their dot.
        hint: a body of JSON that shows the form.
        in_one: so many of them count as one where an operator limits how many a request or a call of the model has.

    What not every kind can do stands in `kedja.bundle.inputs.optional`.
    """

    kind: ClassVar[str]
    noun: ClassVar[str]
    nouns: ClassVar[str]
    media_types: ClassVar[tuple[str, ...]]
    suffixes: ClassVar[frozenset[str]]
    hint: ClassVar[str]
    in_one: ClassVar[int] = 1

    def located(self, folder: Path) -> Self:
        """The same, told in which folder (of a data set, of a bundle) the files lie that its settings name."""
        return self

    def carrying(self, files: Mapping[str, bytes]) -> Self:
        """The same, given what `files` gave in place of a folder."""
        return self

    def files(self) -> dict[str, bytes]:
        """The files without which the settings mean nothing: name in a data set and in a bundle → content."""
        return {}

    @property
    @abstractmethod
    def tensors(self) -> tuple[Tensor, ...]:
        """What the graph takes, in its order."""

    @abstractmethod
    def decode(self, data: bytes, limits: Limits = NO_LIMITS) -> Example:
        """The only preprocessing there is: preparation, evaluation, export and serving all call it.

        Raises:
            InputError: the bytes are no example; nothing is guessed and nothing is repaired.
        """

    @abstractmethod
    def from_value(self, value: Any, limits: Limits = NO_LIMITS) -> Example:
        """`decode` of an example in JSON; raises the same."""

    def read_body(self, media_type: str, data: bytes, limits: Limits = NO_LIMITS) -> Examples:
        """The examples of a body that is of one of `media_types`: one, whose file it is; raises as `decode`."""
        return Examples([self.decode(data, limits)], many=False)

    @abstractmethod
    def to_value(self, data: bytes) -> Any:
        """A file's content as the value that `from_value` reads."""

    @abstractmethod
    def collate(self, examples: Sequence[Example]) -> Feed:
        """One feed of at least one example."""

    def header(self) -> list[str]:
        """Names of the columns that a table of such examples has; empty where they are no rows."""
        return []

    def format(self, data: bytes) -> str:
        """The name of a file's format, as `Limits.formats` has it; empty where there is but one."""
        return ""

    def features(self, feed: Feed) -> Values:
        """What drift compares of the numbers that the model sees."""
        return {}

    def facts(self, examples: Sequence[Example]) -> Values:
        """What drift compares of examples beyond what the model sees of them, for example the size of a file."""
        return {}

    def remarks(self, examples: Sequence[Example]) -> Sequence[dict[str, Any]]:
        """What the answer to each example says beyond its classes, under keys of their own; empty where nothing."""
        return ()

    def parts(self, example: Example) -> "Parts | None":
        """The example with each of its parts hidden in turn, to see what an answer rests on; None where it has none."""
        return None

    def drawn(self, example: Example, explanation: "Explanation", classes: Sequence[str]) -> tuple[str, bytes]:
        """An explanation of an example as a file for people: its suffix and its content."""
        return ".json", json.dumps(explanation.to_json(classes), ensure_ascii=False).encode()

    @abstractmethod
    def value_schema(self) -> dict[str, Any]:
        """The JSON schema of what `from_value` reads."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """A few words for people: what the model takes, for example ``8×8 grey``."""

    @abstractmethod
    def describe(self) -> list[str]:
        """What the model card says of it: lines of Markdown."""

    @abstractmethod
    def suffix(self, data: bytes) -> str:
        """The suffix, with its dot, for a file with this content."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The settings."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`.

        Raises:
            KedjaError: the settings are not valid.
        """
        try:
            check_types(value, cls, "input")
        except KedjaError as error:
            problem = f"the settings {str(value)[:200]} of {cls.nouns} are not valid: {error.problem}"
            raise KedjaError(problem) from None
        return cls(**value)

    @property
    def json_keys(self) -> tuple[str, ...]:
        """The keys of which a JSON body has exactly one."""
        return self.noun, self.nouns

    def read_json(self, key: str, value: Any, limits: Limits) -> Examples:
        """The examples that stand under one of `json_keys`; raises as `decode`."""
        if key == self.noun:
            return Examples([self.from_value(value, limits)], many=False)
        if not isinstance(value, list) or not value:
            raise InputError("invalid-input", f"`{key}` is not a list of {self.nouns} with at least one of them")
        self.check_count(len(value), limits)
        return Examples(self.each(lambda one: self.from_value(one, limits), value), many=True)

    def each(self, read: Any, values: Sequence[Any]) -> list[Example]:
        """`read` of every value; an error says which of several it was."""
        found = []
        for position, value in enumerate(values):
            try:
                found.append(read(value))
            except InputError as error:
                if len(values) == 1:
                    raise
                where = f"{self.noun} {position} of {len(values)}"
                raise InputError(error.code, f"{where}: {error.problem}", error.remedy) from None
        return found

    def check_count(self, count: int, limits: Limits) -> None:
        """Raises `InputError` where one request has too many examples."""
        if count > limits.examples:
            problem = f"the request has more than {limits.examples} {self.nouns}"
            raise InputError(f"too-many-{self.nouns}", problem, "send several requests")


def json_type(value: Any) -> str:
    """What a value of JSON is, in words."""
    names = {dict: "an object", list: "a list", bool: "a boolean", type(None): "null", str: "a string"}
    return names.get(type(value), "a number")


def take(feed: Feed, rows: Any) -> Feed:
    """The rows of every array."""
    return {name: array[rows] for name, array in feed.items()}


def length(feed: Feed) -> int:
    """N."""
    return len(next(iter(feed.values())))
