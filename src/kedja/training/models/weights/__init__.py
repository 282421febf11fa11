"""Weights that a network starts from: published ones, a file's, another run's."""
