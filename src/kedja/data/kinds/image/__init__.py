"""Images: size and channels, decoding, statistics, near-duplicates."""
