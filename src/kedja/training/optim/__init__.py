"""Optimizers, schedules, losses, averages of weights: how a step changes the network."""
