"""Rows of tables: prepared, stored and audited."""
