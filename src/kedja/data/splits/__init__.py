"""Which examples train, validate and test: leak-free, seeded, the same on every machine."""
