"""Runs for the tracking products that people already use; the run's folder stays the truth."""
