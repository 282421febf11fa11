"""Evaluate, compare and select finished runs, with statistics."""
