import numpy as np
import onnx
import pytest

from kedja.baselines.texts.counted import CHARACTER_ORDERS, TOKEN_ORDERS
from kedja.baselines.texts.ngrams import TokenNgrams, spelling
from kedja.baselines.texts.ngrams_graph import counts_graph

PIECES = ["[PAD]", "[UNK]", "play", "##ing", "card", "cards", "é", "the"]


@pytest.fixture
def ids():
    rng = np.random.default_rng(0)
    found = rng.integers(1, len(PIECES), (50, 9))
    for row, length in enumerate(rng.integers(1, 10, 50)):
        found[row, length:] = 0
    return found


def test_a_word_begins_with_a_space_and_no_ngram_leaves_its_token():
    table = spelling(PIECES)
    signs = {"play": 5, "##ing": 3, "card": 5, "é": 2, "[UNK]": 0}
    assert {piece: int((table[1 + PIECES.index(piece)] != 0).sum()) for piece in signs} == signs
    assert not table[0].any()
    assert not table[:, -1].any()


def test_the_counts_are_those_of_scikit_learns_vectorizer(ids):
    from sklearn.feature_extraction.text import CountVectorizer

    ngrams = TokenNgrams(spelling(PIECES), 0).fit(ids)

    def analyse(row):
        tokens = [int(one) for one in row if one]
        found = [str(tokens[at : at + n]) for n in TOKEN_ORDERS for at in range(len(tokens) - n + 1)]
        for token in tokens:
            piece = PIECES[token]
            text = "" if piece == "[UNK]" else piece[2:] if piece.startswith("##") else f" {piece}"
            found += [text[at : at + n] for n in CHARACTER_ORDERS for at in range(len(text) - n + 1)]
        return found

    expected = CountVectorizer(analyzer=analyse, min_df=2).fit_transform(list(ids)).toarray().astype(float)
    expected[expected > 0] = 1 + np.log(expected[expected > 0])
    found = ngrams.transform(ids).toarray()
    assert found.shape == expected.shape
    # The same columns in another order.
    assert sorted(map(tuple, found.T)) == sorted(map(tuple, expected.T))


def test_the_graph_counts_the_same_and_padding_does_not_show(ids, tmp_path):
    import onnxruntime

    ngrams = TokenNgrams(spelling(PIECES), 0).fit(ids)
    onnx.save(counts_graph(ngrams), tmp_path / "graph.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "graph.onnx", providers=["CPUExecutionProvider"])

    def count(rows):
        (found,) = session.run(["x"], {"input_ids": rows, "attention_mask": (rows != 0).astype(np.int64)})
        return found

    np.testing.assert_allclose(count(ids), ngrams.transform(ids).toarray(), rtol=1e-12)
    for row in ids:
        alone = row[row != 0][None]
        np.testing.assert_array_equal(count(alone), count(np.pad(alone, ((0, 0), (0, 20)))))
