"""Texts in UTF-8, as the tokens of a tokenizer that travels with the weights."""
