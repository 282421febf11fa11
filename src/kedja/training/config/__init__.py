"""The keys of a training run: what they are, how they are composed, which folder they name. No torch."""
