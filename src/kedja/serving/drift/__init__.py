"""Does what is served still look like what was trained on? Histograms, windows, tests, a report."""
