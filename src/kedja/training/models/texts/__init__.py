"""Networks that take texts: a sentence encoder that has learnt elsewhere, and a small one that has not."""
