"""The answer for people: table, pictures, analysis, page."""
