"""A network for rows of tables, and the loop that trains it: rows are small, so an epoch is a few seconds."""
