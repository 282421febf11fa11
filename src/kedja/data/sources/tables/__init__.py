"""Sources that are tables: rows that name images or hold texts, and which column is what."""
