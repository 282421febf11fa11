"""The report: table, pictures, analysis, page."""
