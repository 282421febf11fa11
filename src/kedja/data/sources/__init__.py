"""Where labelled examples come from: one file and one registry line a source."""
