"""In which language a text is, by its script and, where that is Latin, by its most frequent small words.

Good enough to see that a data set is mixed, not to sort it: of short texts many have no small word, and those stay
`unclear`. No model, no library.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable

UNCLEAR = "unclear"
# Beginnings of the names that Unicode gives letters → what is written so.
_SCRIPTS = {
    "CYRILLIC": "Cyrillic script",
    "GREEK": "Greek",
    "ARABIC": "Arabic script",
    "HEBREW": "Hebrew",
    "DEVANAGARI": "Devanagari script",
    "THAI": "Thai",
    "HANGUL": "Korean",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "CJK": "Chinese characters",
}
_WORDS = {
    "English": "the and is are was to of in my you i it for on what how do can this that with have not be a me",
    "German": "der die das und ist nicht ich ein eine zu mit auf für wie was den von es mein kann wird sind im",
    "French": "le la les et est une des pas je que pour dans sur avec vous mon ma ce qui au du il ne plus",
    "Spanish": "el la los las y es una que no en por con para mi como qué lo se su al del está puedo un dónde cómo",
    "Italian": "il di che è non un una per con sono mio come della del si da gli nel ho questo le i",
    "Portuguese": "o os as e é uma não que em por com para meu minha como do da no na se um eu está",
    "Dutch": "de het een en is niet ik van op te dat voor met zijn mijn hoe wat er aan kan",
    "Swedish": "och att det är en ett inte jag på för med som min hur vad av till kan har den",
    "Polish": "i w na nie się to jest z do że jak moja mój co po czy mam o za jestem",
}
_SMALL = {language: frozenset(words.split()) for language, words in _WORDS.items()}


def language(text: str) -> str:
    """Its name, the name of a script, or `UNCLEAR`."""
    letters = [sign for sign in text[:2000] if sign.isalpha()]
    if not letters:
        return UNCLEAR
    scripts = Counter(_script(sign) for sign in letters)
    # Japanese mixes its own signs with Chinese ones.
    if scripts["Japanese"] and scripts["Japanese"] + scripts["Chinese characters"] > len(letters) / 2:
        return "Japanese"
    script, count = scripts.most_common(1)[0]
    if script:
        return script if count > len(letters) / 2 else UNCLEAR
    words = Counter("".join(sign if sign.isalpha() else " " for sign in text[:2000].casefold()).split())
    hits = {name: sum(words[word] for word in small) for name, small in _SMALL.items()}
    (best, most), (_, second) = Counter(hits).most_common(2)
    return best if most > second else UNCLEAR


def mix(texts: Iterable[str]) -> dict[str, int]:
    """How many texts are in which language, the most frequent first."""
    return dict(Counter(map(language, texts)).most_common())


def _script(sign: str) -> str:
    """Empty for Latin, and what is not listed."""
    if sign < "\u0250":
        return ""
    return _SCRIPTS.get(unicodedata.name(sign, "").partition(" ")[0].partition("-")[0], "")
