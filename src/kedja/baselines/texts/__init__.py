"""Texts as baselines see them: n-grams of tokens and of their characters, or the sentence encoder's vectors."""
