"""Find what is wrong with a data set before a training run wastes a night on it."""
