"""What an example is, and how such data are prepared: one folder a kind."""
