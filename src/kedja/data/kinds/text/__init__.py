"""Texts: prepared, stored and audited."""
