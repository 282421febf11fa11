"""Sources to prepared data sets, splits, audit. No torch."""
