import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from kedja.bundle.inputs import registry
from kedja.bundle.inputs.input import Costly, InputError, Limits
from kedja.bundle.inputs.optional import Portable
from kedja.bundle.inputs.text.spec import IDS, MASK, TOKENIZER, TextInput
from kedja.common.errors import KedjaError
from kedja.data.kinds.text.choose import open_tokenizer


@pytest.fixture
def texts(tmp_path):
    tokens = open_tokenizer("minilm")
    (tmp_path / TOKENIZER).write_bytes(tokens.content)
    return TextInput(tokens.sha256, tokens.vocabulary, tokens.padding, tokens.unknown, 16).located(tmp_path)


def test_the_tokens_are_those_of_bert(texts):
    found = texts.decode("Hello, Wörld! 😀".encode())
    pieces = texts.pieces()
    assert [pieces[one] for one in found.ids] == ["[CLS]", "hello", ",", "world", "!", "[UNK]", "[SEP]"]
    assert (found.cut, found.characters) == (0, 15)
    assert (texts.vocabulary, texts.padding, texts.unknown) == (30522, 0, 100)


def test_white_space_marks_and_values_make_no_difference(texts):
    expected = texts.decode(b"one two")
    for same in (b"\xef\xbb\xbfone two", b"  One \r\n\ttwo\n"):
        assert texts.decode(same).ids.tolist() == expected.ids.tolist()
    assert texts.from_value("one two").ids.tolist() == expected.ids.tolist()
    assert texts.to_value(b"one two") == "one two"


def test_a_text_that_is_cut_ends_as_every_text_and_says_so(texts):
    whole, cut = texts.decode(b"word " * 14), texts.decode(b"word " * 30)
    assert (len(whole.ids), whole.cut, len(cut.ids), cut.cut) == (16, 0, 16, 16)
    assert cut.ids.tolist() == whole.ids.tolist()
    assert texts.remarks([whole, cut]) == [{}, {"truncated": {"tokens": 32, "read": 16}}]


def test_a_batch_is_padded_to_its_longest(texts):
    feed = texts.collate([texts.decode(b"one"), texts.decode(b"one two three")])
    assert feed[IDS].shape == feed[MASK].shape == (2, 5)
    assert feed[IDS].dtype == feed[MASK].dtype == np.int64
    assert feed[MASK].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert feed[IDS][0, 3:].tolist() == [0, 0]
    features = texts.features(texts.collate([texts.decode("😀 one".encode())]))
    assert {name: values.tolist() for name, values in features.items()} == {"tokens": [4.0], "unknown": [0.25]}


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "empty"), (b" \n\t", "empty"), (b"\xff\xfe", "not-utf-8"), (b"a" * 101, "too-long")]
)
def test_what_is_no_text_is_refused(texts, data, code):
    with pytest.raises(InputError) as caught:
        texts.decode(data, Limits(text_bytes=100))
    assert caught.value.code == code


def test_values_that_are_no_text_are_refused(texts):
    for value in (5, None, ["a"], {"text": "a"}, "\ud800"):
        with pytest.raises(InputError):
            texts.from_value(value)


def test_another_tokenizer_is_refused(texts, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(tmp_path / TOKENIZER, elsewhere)
    (elsewhere / TOKENIZER).write_bytes((elsewhere / TOKENIZER).read_bytes() + b"\n")
    with pytest.raises(KedjaError, match="another tokenizer"):
        texts.located(elsewhere).decode(b"a")
    with pytest.raises(KedjaError, match="cannot be read"):
        texts.located(tmp_path / "nowhere").decode(b"a")


def test_it_goes_through_json_and_pickle_and_works_in_threads(texts, tmp_path):
    again = registry.from_json("text", texts.to_json(), tmp_path)
    assert again == texts
    assert pickle.loads(pickle.dumps(texts)).decode(b"one").ids.tolist() == texts.decode(b"one").ids.tolist()
    assert texts.files() == {TOKENIZER: (tmp_path / TOKENIZER).read_bytes()}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: texts.decode(b"word " * n).ids.tolist(), range(1, 40)))
    assert found == [texts.decode(b"word " * n).ids.tolist() for n in range(1, 40)]


def test_settings_that_make_no_sense_are_refused(texts):
    for change in ({"length": 3}, {"padding": 30522}, {"unknown": -2}):
        with pytest.raises(KedjaError):
            replace(texts, **change)
    with pytest.raises(KedjaError, match="not valid"):
        TextInput.from_json({**texts.to_json(), "length": "16"})


@pytest.mark.parametrize(
    "text", ["word " * 200, "b" * 999, "." * 999, "\ufdfa" * 600, "각" * 600, "[CLS]" * 200, "\0\x1b" * 400]
)
def test_long_texts_are_cut_as_short_ones_are(texts, text):
    """From some length on the library is asked in another way, which lets others go on meanwhile."""
    expected = texts._tokens()._tokenizer.encode(text).ids
    assert texts._tokens().ids(text) == expected


def test_what_is_long_to_cut_is_not_cut_in_a_thread(texts):
    limits = Limits().of_request(plain=True)
    assert texts.decode(b"word " * 8000, limits).cut
    with pytest.raises(Costly):
        texts.decode(b"word " * 8000, limits)


def test_memory_is_asked_for_and_limited(texts):
    asked = []
    texts.decode(b"word " * 100, Limits().of_request(grant=asked.append))
    assert asked == [200_000]
    with pytest.raises(InputError) as failure:
        texts.decode(b"word " * 100, Limits(memory=199_999).of_request())
    assert failure.value.code == "too-large"


def test_a_decoder_is_given_the_tokenizer_and_gives_what_decode_gives(texts):
    there = registry.from_json("text", texts.to_json()).carrying(texts.files())
    text = there.decode(b"word " * 30)
    assert isinstance(there, Portable)
    back = texts.unpack(there.pack(text))
    assert (back.ids.tolist(), back.cut, back.characters) == (text.ids.tolist(), text.cut, text.characters)


@pytest.mark.parametrize(
    "packed",
    [None, (), (b"", 0, 0), (b"1234567", 0, 0), (b"\xff" * 8, 0, 0), (bytes(8 * 17), 0, 0), (bytes(8), "x", 0), 7],
)
def test_what_a_decoder_says_is_not_believed(texts, packed):
    with pytest.raises(ValueError):
        texts.unpack(packed)
