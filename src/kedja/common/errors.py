"""The one exception for everything a user can cause."""


class KedjaError(Exception):
    """What is wrong, where, and what to do about it; printed without a traceback.

    Args:
        problem: what is wrong and where, for example ``photos/cat/7.jpg is truncated``.
        remedy: what the user can do, for example ``replace the file or pass on_error=skip``.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem}\n  → {remedy}" if remedy else problem)


# What others sent is not repeated beyond this.
MOST_LETTERS = 100


def cut(text: str) -> str:
    """At most `MOST_LETTERS` letters of a text from outside, which may be as long as somebody likes."""
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"


def nearest(name: str, valid: list[str], cutoff: float = 0.5) -> str:
    """``did you mean 'lr'?`` where a valid name is close, else the list of valid names."""
    from difflib import get_close_matches

    # Comparing takes the product of the lengths.
    close = get_close_matches(name, valid, n=1, cutoff=cutoff) if len(name) <= MOST_LETTERS else []
    return f"did you mean {close[0]!r}?" if close else f"valid: {', '.join(sorted(valid))}"
