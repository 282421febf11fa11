"""Compare what is served with what was trained on: histograms, windows, tests, a report."""
