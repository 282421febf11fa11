"""What is wrong with a data set, found before a training run wastes a night on it."""
