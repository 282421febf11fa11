"""What an example is: one folder a kind, and one line in `registry`."""
