"""Looks into training: learning-rate range, one batch, profile, diagnosis, energy."""
