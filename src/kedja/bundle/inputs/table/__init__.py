"""Rows of a table: columns with names and types, as two arrays."""
