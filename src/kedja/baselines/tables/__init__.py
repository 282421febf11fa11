"""Rows of tables: linear models and trees, with graphs that answer exactly as they do."""
