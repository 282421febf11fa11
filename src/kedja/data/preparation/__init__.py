"""A source becomes a prepared data set, in bounded memory, continued after an interruption."""
