"""Texts as baselines see them: n-grams of tokens and of their characters."""
