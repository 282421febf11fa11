import pytest

from kedja.data.kinds.text.languages import UNCLEAR, language, mix


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Where is the card that I ordered?", "English"),
        ("Wo ist die Karte, die ich bestellt habe?", "German"),
        ("Où est la carte que j'ai commandée pour ma mère ?", "French"),
        ("¿Dónde está la tarjeta que pedí por la web?", "Spanish"),
        ("Gdzie jest moja karta i jak to się stało?", "Polish"),
        ("Где моя карта?", "Cyrillic script"),
        ("私のカードはどこですか", "Japanese"),
        ("我的卡在哪里", "Chinese characters"),
        ("أين بطاقتي", "Arabic script"),
        ("card", UNCLEAR),
        ("12 😀 !!", UNCLEAR),
        ("", UNCLEAR),
    ],
)
def test_language(text, expected):
    assert language(text) == expected


def test_the_most_frequent_is_first():
    assert list(mix(["the card is here", "the other one", "die Karte ist da"])) == ["English", "German"]
