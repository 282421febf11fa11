import numpy as np

from kedja.data.kinds.text.near import LEAST_ALIKE, near_pairs, pieces_of, similarity
from kedja.data.prepared import load
from kedja.data.settings import Settings
from kedja.data.versions.obtain import obtain

_LONG = "why has the payment that I made with my card at the shop on monday not arrived yet, number {}"


def test_a_word_changed_is_found_and_other_texts_are_not():
    texts = [_LONG.format(1), "something else altogether", _LONG.format(1).replace("monday", "tuesday"), "a", ""]
    assert near_pairs(texts, np.arange(5)).tolist() == [[0, 2]]
    assert similarity(pieces_of(texts[0]), pieces_of(texts[2])) >= LEAST_ALIKE
    assert near_pairs(["only one"], np.zeros(1, np.int64)).shape == (0, 2)


def test_equal_texts_are_compared_once():
    texts = [_LONG.format(1), _LONG.format(1).upper(), _LONG.format(1) + "!"]
    assert near_pairs(texts, np.array([7, 7, 8])).tolist() == [[0, 2]]


def test_nearly_every_pair_is_found_among_thousands():
    words = [f"word{n}" for n in range(500)]
    choose = np.random.default_rng(0)
    texts = [" ".join(choose.choice(words, 30)) for _ in range(2000)]
    changed = [text.replace(" ", "  ", 1) + " once more" for text in texts[:500]]
    pairs = near_pairs(texts + changed, np.arange(2500))
    assert np.isin(np.arange(500), pairs[:, 0][pairs[:, 1] - pairs[:, 0] == 2000]).mean() > 0.99
    assert len(pairs) <= 500


def test_preparation_keeps_them_on_one_side_or_drops_them(tmp_path):
    rows = [f'"{_LONG.format(n // 2)}{"!" * (n % 2)} {"xyzw"[n % 4] * (n // 2)}",{n // 2 % 2}' for n in range(120)]
    (tmp_path / "t.csv").write_text("text,label\n" + "\n".join(rows) + "\n")

    def prepare(near_duplicates):
        settings = Settings(source=str(tmp_path / "t.csv"), jobs=1, near_duplicates=near_duplicates)
        return load(obtain(near_duplicates, tmp_path / near_duplicates, settings))

    grouped = prepare("group")
    pairs = grouped.stored.near_pairs(np.arange(len(grouped)))
    assert len(pairs) >= 60
    assert (grouped.splits[pairs[:, 0]] == grouped.splits[pairs[:, 1]]).all()
    assert len(prepare("drop")) < len(grouped)
